console.log("poolmq: the example comes here");
