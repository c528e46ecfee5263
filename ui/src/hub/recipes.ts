/** What the recipes are filled in with. */
export interface Place {
  /** `http://127.0.0.1:2355`, as the browser has it. */
  origin: string;
  uids: readonly string[];
  topics: readonly string[];
  /** Whether the hub asks for a token. */
  token: boolean;
}

export type Tool = 'browser' | 'curl' | 'python' | 'rust' | 'node';
export type Way = 'receive' | 'send';
export const TOOLS: readonly Tool[] = ['browser', 'curl', 'python', 'rust', 'node'];

/** The address of the stream. It always names something: without a parameter it would be the board. */
export function streamPath(uids: readonly string[], topics: readonly string[], example = true): string {
  const query = new URLSearchParams([...uids.map((uid) => ['uid', uid]), ...topics.map((topic) => ['topic', topic])]);
  return `/events?${query.size > 0 || !example ? query : "uid=me"}`;
}

export function recipe(way: Way, tool: Tool, place: Place): string {
  return (way === 'receive' ? RECEIVE : SEND)[tool](place);
}

/** In double quotes, for JavaScript, Python and Rust alike: every escape is one that all of them know. */
function quoted(text: string): string {
  return `"${text.replace(/["\\]/g, '\\$&')}"`;
}
/** In single quotes, for a shell. */
function shell(text: string): string {
  if (/^[\w:/.-]+$/.test(text)) return text;
  return `'${text.replaceAll("'", "'\\''")}'`;
}

function stream(place: Place): string { return place.origin + streamPath(place.uids, place.topics); }

/** What the sending recipes send: to the first one that the page listens as, else to everyone. */
function publication(place: Place): Record<string, unknown> {
  const to = place.uids[0] !== undefined ? { uid: place.uids[0] } : place.topics[0] !== undefined ? { topic: place.topics[0] } : {};
  return { ...to, event: 'like', data: { title: 'Ada liked your post' } };
}
/** JSON in one line, with spaces, as people write it; also a Python literal. */
function spaced(value: unknown): string {
  if (typeof value !== 'object' || value === null) return quoted(String(value));
  return `{${Object.entries(value).map(([name, inner]) => `${quoted(name)}: ${spaced(inner)}`).join(', ')}}`;
}

const RECEIVE: Record<Tool, (place: Place) => string> = {
  browser: (place) => {
    const listen = `bell.onmessage = (event) => console.log(event.data);
bell.addEventListener("like",
  (event) => console.log("like", event.data));`;
    if (!place.token) return `const bell = new EventSource(
  ${quoted(stream(place))});
${listen}`;
    const { uids, topics } = place.uids.length + place.topics.length > 0 ? place : { uids: ['me'], topics: [] };
    return `// EventSource sends no headers: a ticket opens it.
const hub = ${quoted(place.origin)};
const answer = await fetch(hub + "/hub/tickets", {
  method: "POST",
  headers: {
    "Authorization": "Bearer FEEDBELL_TOKEN",
    "Content-Type": "application/json",
  },
  body: JSON.stringify({
    uids: [${uids.map(quoted).join(', ')}],
    topics: [${topics.map(quoted).join(', ')}],
  }),
});
const { url } = await answer.json();
const bell = new EventSource(hub + url);
${listen}`;
  },

  curl: (place) => `curl -N ${place.token ? '-H "Authorization: Bearer $FEEDBELL_TOKEN" ' : ''}${shell(stream(place))}`,

  python: (place) => `import http.client, ${place.token ? 'os, ' : ''}sys, time, urllib.request

url = ${quoted(stream(place))}
last = ""
while True:
    try:
        request = urllib.request.Request(url)
        request.add_header("Last-Event-ID", last)
${place.token ? `        token = os.environ["FEEDBELL_TOKEN"]
        request.add_header("Authorization", "Bearer " + token)
` : ''}        with urllib.request.urlopen(request, timeout=60) as stream:
            event = {"event": "message", "data": []}
            for line in stream:
                line = line.decode().rstrip("\\n")
                name, _, value = line.partition(": ")
                if name == "data":
                    event["data"].append(value)
                elif line:
                    event[name] = value
                else:  # an empty line ends the event
                    last = event.get("id", last)
                    if event["data"]:
                        text = "\\n".join(event["data"])
                        print(event["event"], text, flush=True)
                    event = {"event": "message", "data": []}
    except (OSError, http.client.HTTPException) as error:
        print(error, file=sys.stderr)
    time.sleep(1)`,

  rust: (place) => `// cargo add reqwest --features blocking
use std::io::{BufRead, BufReader};
use std::{error::Error, thread, time::Duration};

fn main() -> Result<(), Box<dyn Error>> {
    let client = reqwest::blocking::Client::builder()
        .timeout(None)
        .build()?;
    let mut last = String::new();
    loop {
        let request = client
            .get(${quoted(stream(place))})
${place.token ? '            .bearer_auth(std::env::var("FEEDBELL_TOKEN")?)\n' : ''}            .header("Last-Event-ID", &last);
        if let Err(error) = read(request, &mut last) {
            eprintln!("{error}");
        }
        thread::sleep(Duration::from_secs(1));
    }
}

fn read(
    request: reqwest::blocking::RequestBuilder,
    last: &mut String,
) -> Result<(), Box<dyn Error>> {
    let stream = request.send()?.error_for_status()?;
    let (mut name, mut data) = ("message".to_owned(), Vec::new());
    let mut id = last.clone();
    for line in BufReader::new(stream).lines() {
        let line = line?;
        match line.split_once(": ") {
            Some(("event", value)) => name = value.to_owned(),
            Some(("data", value)) => data.push(value.to_owned()),
            Some(("id", value)) => id = value.to_owned(),
            None if line.is_empty() => {
                last.clone_from(&id);
                if !data.is_empty() {
                    println!("{name} {}", data.join("\\n"));
                }
                (name, data) = ("message".to_owned(), Vec::new());
            }
            _ => {}
        }
    }
    Ok(())
}`,

  node: (place) => `// Node 20 or newer; save as bell.mjs
const url = ${quoted(stream(place))};
let last = "";
for (;;) {
  try {
    const headers = { "Last-Event-ID": last };
${place.token ? `    headers.Authorization =
      "Bearer " + process.env.FEEDBELL_TOKEN;
` : ''}    const answer = await fetch(url, { headers });
    if (!answer.ok) throw new Error(await answer.text());
    const stream = answer.body.pipeThrough(new TextDecoderStream());
    let rest = "";
    for await (const text of stream) {
      const blocks = (rest + text).split("\\n\\n");
      rest = blocks.pop();
      for (const block of blocks) {
        let name = "message", data = [];
        for (const line of block.split("\\n")) {
          if (line.startsWith("event: ")) name = line.slice(7);
          if (line.startsWith("data: ")) data.push(line.slice(6));
          if (line.startsWith("id: ")) last = line.slice(4);
        }
        if (data.length > 0) console.log(name, data.join("\\n"));
      }
    }
  } catch (error) {
    console.error(error.message);
  }
  await new Promise((again) => setTimeout(again, 1000));
}`,
};

const SEND: Record<Tool, (place: Place) => string> = {
  browser: (place) => fetched(place, place.token ? '"Bearer FEEDBELL_TOKEN"' : null),

  curl: (place) => `curl ${place.token ? '-H "Authorization: Bearer $FEEDBELL_TOKEN" ' : ''}-d ${shell(JSON.stringify(publication(place)))} ${shell(`${place.origin}/publish`)}`,

  python: (place) => `import json, ${place.token ? 'os, ' : ''}urllib.request

publication = {
${fields(place, 4)}
}
request = urllib.request.Request(
    ${quoted(`${place.origin}/publish`)},
    data=json.dumps(publication).encode(),
)
request.add_header("Content-Type", "application/json")
${place.token ? `token = os.environ["FEEDBELL_TOKEN"]
request.add_header("Authorization", "Bearer " + token)
` : ''}print(urllib.request.urlopen(request, timeout=10).read().decode())`,

  rust: (place) => `// cargo add reqwest --features blocking
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let answer = reqwest::blocking::Client::new()
        .post(${quoted(`${place.origin}/publish`)})
${place.token ? '        .bearer_auth(std::env::var("FEEDBELL_TOKEN")?)\n' : ''}        .header("Content-Type", "application/json")
        .body(r#"${JSON.stringify(publication(place)).replaceAll('#', '\\u0023')}"#)
        .send()?;
    println!("{}", answer.error_for_status()?.text()?);
    Ok(())
}`,

  node: (place) => `// Node 20 or newer; save as ring.mjs\n${fetched(place, place.token ? '"Bearer " + process.env.FEEDBELL_TOKEN' : null)}`,
};

function fetched(place: Place, authorization: string | null): string {
  return `const answer = await fetch(
  ${quoted(`${place.origin}/publish`)}, {
    method: "POST",
    headers: {
      "Content-Type": "application/json",
${authorization ? `      "Authorization": ${authorization},\n` : ''}    },
    body: JSON.stringify({
${fields(place, 6)}
    }),
  });
console.log(answer.status, await answer.text());`;
}

function fields(place: Place, indent: number): string {
  return Object.entries(publication(place)).map(([name, value]) => `${' '.repeat(indent)}${quoted(name)}: ${spaced(value)},`).join('\n');
}
