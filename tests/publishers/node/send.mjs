// send.mjs PACKAGE JSON: one publish with a package from npm.
const [name, json] = process.argv.slice(2);
const config = JSON.parse(json);
if (name === "ntfy") {
  const { publish } = await import("ntfy");
  console.log(JSON.stringify(await publish(config)));
} else {
  const { default: publish } = await import("@cityssm/ntfy-publish");
  if (!(await publish(config))) process.exit(1);
}
