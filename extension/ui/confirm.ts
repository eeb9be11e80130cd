import { css, html, LitElement, type TemplateResult } from 'lit';
import { base } from './base.ts';

export type Question = { title: string; text: string; action: string };

/** One question at a time, in the browser's own modal dialog (focus kept inside, Escape = no). */
export class Confirm extends LitElement {
  static override properties = { question: { state: true } };
  declare question: Question | null;
  #answer: ((yes: boolean) => void) | null = null;
  static override styles = [
    base,
    css`
      dialog { color: var(--ink); background: var(--surface); border: 1px solid var(--line); border-radius: var(--radius); padding: 20px; width: min(440px, calc(100vw - 32px)); box-shadow: var(--shadow); }
      dialog::backdrop { background: rgb(0 0 0 / 45%); }
      form { display: grid; gap: 14px; }
      .row { justify-content: flex-end; margin-top: 4px; }
      button.yes { background: var(--bad); border-color: var(--bad); color: var(--surface); }
    `,
  ];

  constructor() {
    super();
    this.question = null;
  }

  async ask(question: Question): Promise<boolean> {
    this.#answer?.(false);
    this.question = question;
    await this.updateComplete;
    const dialog = this.renderRoot.querySelector('dialog');
    if (!dialog) return false;
    dialog.returnValue = '';
    if (!dialog.open) dialog.showModal();
    return new Promise((resolve) => {
      this.#answer = resolve;
    });
  }

  #closed(event: Event): void {
    const dialog = event.currentTarget;
    this.#answer?.(dialog instanceof HTMLDialogElement && dialog.returnValue === 'yes');
    this.#answer = null;
  }

  override render(): TemplateResult {
    return html`
      <dialog aria-labelledby="title" aria-describedby="text" @close=${this.#closed}>
        <form method="dialog">
          <h2 id="title">${this.question?.title}</h2>
          <p id="text" class="soft">${this.question?.text}</p>
          <div class="row"><button value="no" autofocus>Cancel</button><button class="yes" value="yes">${this.question?.action}</button></div>
        </form>
      </dialog>
    `;
  }
}
