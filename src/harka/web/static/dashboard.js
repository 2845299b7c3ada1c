// The dashboard: asks /graphql with the reader's API key, or without one as whoever is signed in at this address;
// live progress comes as server-sent events.
const KEY = "harka-key";
const OVERVIEW = `query Dashboard {
  organization { name plan users { active limit } }
  courses(first: 0) { totalCount }
  active: enrollments(first: 0, filter: {status: ACTIVE}) { totalCount }
  completed: enrollments(first: 0, filter: {status: COMPLETED}) { totalCount }
}`;
const COURSES = `query DashboardCourses($after: String) {
  courses(first: 20, after: $after) {
    nodes { id code title status enrollments(first: 0) { totalCount } }
    pageInfo { endCursor hasNextPage }
  }
}`;
const LEARNERS = `query DashboardLearners($id: ID!) {
  enrollments(filter: {courseId: $id}, first: 25) { nodes { id progress status user { name } } }
}`;
const PROGRESS = `subscription DashboardProgress($id: ID!) {
  progressChanged(courseId: $id) { resync enrollment { id progress status user { name } } }
}`;
const MOST_LEARNERS = 25;
const FIRST_PAUSE = 500;
const LAST_PAUSE = 15_000;
const FIGURES_EVERY = 30_000;
const PLANS = { STARTER: "Starter plan", GROWTH: "Growth plan", ENTERPRISE: "Enterprise plan" };

const find = (id) => document.getElementById(id);
const number = new Intl.NumberFormat(document.documentElement.lang);
let listening = null; // the AbortController of the course being watched
let cursor = null;

class Refused extends Error {}

async function post(document, variables, { accept = "application/json", signal } = {}) {
  const key = sessionStorage.getItem(KEY);
  const response = await fetch("/graphql", {
    method: "POST",
    signal,
    credentials: key ? "omit" : "same-origin",
    headers: { "content-type": "application/json", accept, ...(key && { "x-api-key": key }) },
    body: JSON.stringify({ query: document, variables }),
  });
  if (response.status === 401 || response.status === 403) throw new Refused("This API key is not valid here.");
  return response;
}

async function ask(document, variables = {}) {
  const answer = await (await post(document, variables)).json();
  const [error] = answer.errors ?? [];
  if (error?.extensions?.code === "UNAUTHENTICATED") throw new Refused("Sign in, or give an API key.");
  if (error) say(`${error.message} (${error.extensions?.code ?? "error"})`);
  return answer.data ?? {};
}

function say(text) {
  find("failure").textContent = text;
  find("failure").hidden = !text;
}

function copy(id) {
  return find(id).content.firstElementChild.cloneNode(true);
}

function figure(title, value) {
  const made = copy("figure");
  made.querySelector("dt").textContent = title;
  made.querySelector("dd").textContent = value ?? "–";
  return made;
}

const counted = (list) => (list ? number.format(list.totalCount) : null);

async function showOverview() {
  const { organization, courses, active, completed } = await ask(OVERVIEW);
  find("sign-in").hidden = true;
  find("overview").hidden = find("sign-out").hidden = false;
  find("organization").textContent = organization?.name ?? "HARKA";
  find("plan").textContent = PLANS[organization?.plan] ?? "";
  document.title = `${organization?.name ?? "HARKA"} – dashboard`;
  const users = organization?.users;
  const people = users && number.format(users.active) + (users.limit ? ` / ${number.format(users.limit)}` : "");
  find("figures").replaceChildren(
    figure("Active people", people),
    figure("Courses", counted(courses)),
    figure("Learning now", counted(active)),
    figure("Completed", counted(completed)),
  );
}

async function showCourses() {
  const { courses } = await ask(COURSES, { after: cursor });
  if (!courses) return;
  find("courses").append(...courses.nodes.map(courseItem));
  find("no-courses").hidden = find("courses").children.length > 0;
  cursor = courses.pageInfo.endCursor;
  find("more").hidden = !courses.pageInfo.hasNextPage;
}

function courseItem(course) {
  const item = copy("course");
  item.querySelector(".course-title").textContent = course.title;
  item.querySelector(".code").textContent = course.code;
  item.querySelector(".count").textContent = `${counted(course.enrollments) ?? "–"} enrolled`;
  item.querySelector(".badge").textContent = course.status.toLowerCase();
  const button = item.querySelector("button");
  button.addEventListener("click", () => {
    for (const other of document.querySelectorAll(".course")) other.setAttribute("aria-pressed", other === button);
    attempt(() => watch(course));
  });
  return item;
}

async function watch(course) {
  listening?.abort();
  const mine = (listening = new AbortController());
  find("progress-title").textContent = course.title;
  find("progress-title").scrollIntoView({ block: "nearest" });
  find("progress-help").hidden = true;
  let pause = FIRST_PAUSE;
  while (!mine.signal.aborted) {
    try {
      // the list is read after the stream is open: what happens in between arrives as an event
      await stream(course.id, mine.signal, async () => {
        pause = FIRST_PAUSE;
        await showLearners(course.id, mine.signal);
      });
    } catch (error) {
      if (error instanceof Refused) throw error;
    }
    if (mine.signal.aborted) return;
    setLive(false, "reconnecting…");
    await new Promise((resolve) => setTimeout(resolve, pause));
    pause = Math.min(pause * 2, LAST_PAUSE);
  }
}

async function stream(id, signal, opened) {
  const response = await post(PROGRESS, { id }, { accept: "text/event-stream", signal });
  if (!response.ok || !response.headers.get("content-type")?.startsWith("text/event-stream")) {
    throw new Error(`status ${response.status}`);
  }
  await opened();
  setLive(true, "live");
  let rest = "";
  for await (const text of pieces(response.body.pipeThrough(new TextDecoderStream()))) {
    const events = (rest + text).split("\n\n");
    rest = events.pop();
    for (const event of events) await take(event, id, signal);
  }
}

async function* pieces(readable) {
  // not every browser can iterate over a stream itself
  const reader = readable.getReader();
  for (let piece = await reader.read(); !piece.done; piece = await reader.read()) yield piece.value;
}

async function take(event, id, signal) {
  const data = event.split("\n").filter((line) => line.startsWith("data: ")).map((line) => line.slice(6)).join("\n");
  if (!data) return;
  const change = JSON.parse(data).data?.progressChanged;
  if (change?.resync) await showLearners(id, signal);
  else if (change?.enrollment) showLearner(change.enrollment);
}

function setLive(on, text) {
  find("live").textContent = text;
  find("live").classList.toggle("on", on);
}

async function showLearners(id, signal) {
  const { enrollments } = await ask(LEARNERS, { id });
  if (signal.aborted || !enrollments) return;
  find("learners").replaceChildren(...enrollments.nodes.map(learnerItem));
}

function learnerItem(enrollment) {
  const item = copy("learner");
  item.dataset.id = enrollment.id;
  fill(item, enrollment);
  return item;
}

function fill(item, enrollment) {
  const percent = Math.round(enrollment.progress * 100);
  const name = enrollment.user?.name ?? "Somebody";
  item.querySelector(".name").textContent = name;
  item.querySelector(".percent").textContent = enrollment.status === "COMPLETED" ? "completed" : `${percent} %`;
  item.querySelector("progress").value = percent;
  item.querySelector("progress").setAttribute("aria-label", `Progress of ${name}`);
}

function showLearner(enrollment) {
  const list = find("learners");
  const item = [...list.children].find((each) => each.dataset.id === enrollment.id) ?? learnerItem(enrollment);
  fill(item, enrollment);
  list.prepend(item);
  while (list.children.length > MOST_LEARNERS) list.lastElementChild.remove();
  item.classList.add("moved");
  setTimeout(() => item.classList.remove("moved"), 1500);
}

async function attempt(action) {
  say("");
  try {
    await action();
  } catch (error) {
    if (error instanceof Refused) signOut();
    say(error instanceof Refused ? error.message : "The service does not answer. Try again in a moment.");
  }
}

function signOut() {
  listening?.abort();
  sessionStorage.removeItem(KEY);
  cursor = null;
  for (const id of ["figures", "courses", "learners"]) find(id).replaceChildren();
  find("overview").hidden = find("sign-out").hidden = true;
  find("sign-in").hidden = false;
  find("organization").textContent = "HARKA";
  find("plan").textContent = "Dashboard";
  find("progress-title").textContent = "Progress";
  find("progress-help").hidden = false;
  setLive(false, "not connected");
  find("key").value = "";
  find("key").focus();
}

async function start() {
  await showOverview();
  await showCourses();
}

setInterval(() => {
  if (!find("overview").hidden && !document.hidden) showOverview().catch(() => {});
}, FIGURES_EVERY);

find("sign-in").addEventListener("submit", (event) => {
  event.preventDefault();
  sessionStorage.setItem(KEY, find("key").value.trim());
  const button = event.target.querySelector("button");
  button.disabled = true;
  attempt(start).finally(() => (button.disabled = false));
});
find("sign-out").addEventListener("click", () => {
  say("");
  if (!sessionStorage.getItem(KEY)) location.assign("/auth/sign-out");
  else signOut();
});
find("more").addEventListener("click", () => attempt(showCourses));

if (sessionStorage.getItem(KEY)) attempt(start);
else start().catch((error) => {
  // nobody is signed in, and nothing went wrong by that
  find("sign-in").hidden = false;
  if (!(error instanceof Refused)) say("The service does not answer. Try again in a moment.");
});
