// A real SAML provider, on a loopback port: node provider.mjs PORT DIRECTORY, where key.pem and cert.pem lie.
// What it knows of us is our metadata, which are PUT to /sp.
import { X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import samlp from "samlp";

const [port, directory] = process.argv.slice(2);
const [key, cert] = ["key.pem", "cert.pem"].map((name) => readFileSync(`${directory}/${name}`, "utf8"));
const origin = `http://127.0.0.1:${port}`;
let known = {};

function learn(metadata) {
  const body = metadata.match(/<ds:X509Certificate>([^<]+)</)[1].match(/.{1,64}/g).join("\n");
  known = {
    entity: metadata.match(/entityID="([^"]+)"/)[1],
    acs: metadata.match(/AssertionConsumerService[^>]* Location="([^"]+)"/)[1],
    certificate: `-----BEGIN CERTIFICATE-----\n${body}\n-----END CERTIFICATE-----\n`,
  };
}

// `how`: of the address: user, encrypted (by what), signed (what), algorithm
function options(how) {
  const user = how.get("user") ?? "ann";
  const encryption = {};
  if (how.has("encrypted")) {
    const { publicKey } = new X509Certificate(known.certificate);
    encryption.encryptionCert = known.certificate;
    encryption.encryptionPublicKey = publicKey.export({ type: "spki", format: "pem" });
    encryption.encryptionAlgorithm = `http://www.w3.org/${how.get("encrypted")}`;
    encryption.disallowEncryptionWithInsecureAlgorithm = false;
    encryption.warnOnInsecureEncryptionAlgorithm = false;
  }
  return {
    issuer: origin,
    cert,
    key,
    signingCert: known.certificate,
    audience: known.entity,
    destination: known.acs,
    recipient: known.acs,
    signatureAlgorithm: how.get("algorithm") ?? "rsa-sha256",
    digestAlgorithm: "sha256",
    signAssertion: (how.get("signed") ?? "assertion") !== "response",
    signResponse: (how.get("signed") ?? "assertion") !== "assertion",
    getPostURL: (_audience, _request, _http, back) => back(null, known.acs),
    getUserFromRequest: () => ({
      id: user,
      emails: [{ value: `${user}@samlp.example` }],
      displayName: `Name of ${user}`,
      name: { givenName: "A", familyName: "B" },
      groups: ["x", "instructor"],
    }),
    ...encryption,
  };
}

const server = createServer((request, response) => {
  const address = new URL(request.url, origin);
  request.query = Object.fromEntries(address.searchParams);
  request.originalUrl = request.url;
  request.protocol = "http";
  response.set = (name, value) => response.setHeader(name, value);
  response.send = (body) => response.end(String(body));
  const failed = (error) => response.writeHead(500).end(String(error));
  if (request.method === "PUT") {
    let body = "";
    request.on("data", (part) => (body += part)).on("end", () => response.end(String(learn(body))));
  } else if (address.pathname === "/metadata") {
    samlp.metadata({ issuer: origin, cert, redirectEndpointPath: "/sso", postEndpointPath: "/sso" })(request, response);
  } else {
    samlp.auth(options(address.searchParams))(request, response, failed);
  }
});
server.listen(Number(port), "127.0.0.1", () => console.log("ready"));
// whoever started it is gone
process.stdin.on("end", () => server.close(() => process.exit())).resume();
