/**
 * Lets callers share a question to Redis. A caller never gets the answer to a question that was sent before it asked:
 * callers that ask while an answer is outstanding share the next question.
 */
export class AskTogether<V> {
  readonly #question: () => Promise<V>;
  #sent: Promise<V> | undefined;
  #next: Promise<V> | undefined;

  constructor(question: () => Promise<V>) {
    this.#question = question;
  }

  async ask(): Promise<V> {
    if (this.#sent === undefined) return await this.#send();
    const send = (): Promise<V> => {
      this.#next = undefined;
      return this.#send();
    };
    this.#next ??= this.#sent.then(send, send);
    return await this.#next;
  }

  #send(): Promise<V> {
    const sent = this.#question();
    this.#sent = sent;
    const answered = (): void => {
      if (this.#sent === sent) this.#sent = undefined;
    };
    sent.then(answered, answered);
    return sent;
  }
}
