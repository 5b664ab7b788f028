/**
 * Lets calls that start together share a question. Nobody gets an answer to a question that was sent before they asked:
 * who asks while an answer is owed shares the next question with all others who do.
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
