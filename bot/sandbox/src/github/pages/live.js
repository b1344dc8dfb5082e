// Shows what changed without losing what someone is typing or has unfolded.
let last = null;
setInterval(async () => {
  const focus = document.activeElement;
  if (focus && /^(TEXTAREA|INPUT|SELECT)$/.test(focus.tagName)) return;
  const answer = await fetch(location.href).catch(() => null);
  if (!answer || !answer.ok) return;
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("#live");
  if (!fresh) return;
  if (last !== null && fresh.innerHTML !== last) {
    const open = new Set([...document.querySelectorAll("#live details[open] > summary")].map((s) => s.textContent));
    const html = fresh.innerHTML;
    document.querySelector("#live").replaceWith(fresh);
    fresh.querySelectorAll("details > summary").forEach((s) => {
      if (open.has(s.textContent)) s.parentElement.open = true;
    });
    last = html;
  } else {
    last = fresh.innerHTML;
  }
}, 1500);
