// What a key means while pairs are compared.

const ANSWERS = { ArrowLeft: 1, ArrowDown: 0.5, ArrowRight: 0 };
const MOVES = { ArrowLeft: [1, 0], ArrowRight: [-1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
// A key of one letter can be switched off, for those who dictate.
const LETTERS = {
  f: 'other', ' ': 'other', v: 'flip-view', r: 'reference', '+': 'zoom-in', '=': 'zoom-in', '-': 'zoom-out', '−': 'zoom-out',
  0: 'zoom-back', p: 'pause', h: 'keys', '?': 'keys',
};

// { answer }, { move } or { action }; null where the key is none of ours.
export function meaningOf(event, letters = true) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return null;
  if (document.querySelector('dialog[open]')) return null;
  const control = event.target.closest?.('button, input, select, textarea, a');
  if (control?.matches('input, select, textarea')) return null;
  if (event.shiftKey && event.key in MOVES) return { move: MOVES[event.key] };
  if (event.key in ANSWERS) return event.shiftKey ? null : { answer: ANSWERS[event.key] };
  // Space presses the button that has the focus.
  if (event.key === ' ' && control) return null;
  const action = LETTERS[event.key.toLowerCase()];
  return letters && action ? { action } : null;
}
