// Returns the faults of this page as a list of sentences.
const wrong = [];
const say = (ok, text) => ok || wrong.push(text);
const all = (selector) => [...document.querySelectorAll(selector)];

say(document.documentElement.lang === 'en', 'the page does not say its language');
say(document.title.length > 8, 'the page has no title');
for (const landmark of ['header', 'main', 'footer', 'h1']) {
  say(all(landmark).length === 1, `there is not one ${landmark}`);
}
let level = 0;
for (const heading of all('h1, h2, h3')) {
  const own = Number(heading.tagName[1]);
  say(own <= level + 1, `a level is left out before "${heading.textContent}"`);
  level = own;
}
const ids = all('[id]').map((element) => element.id);
say(new Set(ids).size === ids.length, 'an id is used twice');
for (const attribute of ['aria-labelledby', 'aria-describedby', 'for']) {
  for (const element of all(`[${attribute}]`)) {
    say(document.getElementById(element.getAttribute(attribute)), `${attribute} leads nowhere`);
  }
}
for (const input of all('input:not([type=hidden])')) {
  say(input.labels.length === 1, `${input.name} has no label`);
  say(input.type === 'checkbox' || input.autocomplete !== '', `${input.name} does not say what it is for`);
}
const names = all('button').map((button) => button.getAttribute('aria-label') ?? button.textContent.trim());
say(names.every((name) => name.length > 2), 'a button has no name');
say(document.documentElement.scrollWidth <= window.innerWidth, 'the page is wider than the screen');
for (const target of all('button, .button, input:not([type=hidden])')) {
  const box = target.getBoundingClientRect();
  const label = target.labels?.[0]?.getBoundingClientRect() ?? box;
  say(Math.max(box.height, label.height) >= 24 && Math.max(box.width, label.width) >= 24,
    `"${target.textContent || target.name}" is too small to be hit`);
}

const channels = (color) => color.match(/[\d.]+/g).map(Number);
const light = ([red, green, blue]) => {
  const linear = (c) => (c / 255 <= 0.04045 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4);
  return 0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue);
};
const ground = (element) => {
  for (let at = element; at; at = at.parentElement) {
    const color = channels(getComputedStyle(at).backgroundColor);
    if (color.length === 3 || color[3] === 1) return color;
  }
  return [255, 255, 255];
};
const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (texts.nextNode()) {
  const element = texts.currentNode.parentElement;
  if (!texts.currentNode.textContent.trim()) continue;
  const [a, b] = [light(channels(getComputedStyle(element).color)), light(ground(element))];
  const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
  say(ratio >= CONTRAST, `"${texts.currentNode.textContent.trim()}" has a contrast of ${ratio.toFixed(2)}`);
}
return wrong;
