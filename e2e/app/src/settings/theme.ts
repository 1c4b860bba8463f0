// The theme: a plain string in localStorage, no store.

export function toggleMode(): void {
  const mode = document.documentElement.dataset.mode === 'dark' ? 'light' : 'dark';
  document.documentElement.dataset.mode = mode;
  localStorage.setItem('joy-mode', mode);
}
