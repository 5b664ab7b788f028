#!/usr/bin/env node
/** The `poolmq` command, where this package was installed and not `@poolmq/worker` by itself. */

import "@poolmq/worker/cli";
