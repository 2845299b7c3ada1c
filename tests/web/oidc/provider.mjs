// A real OpenID Connect provider, on a loopback port: node provider.mjs ISSUER REDIRECT_URI AFTER_LOGOUT_URI BACKCHANNEL_URI
import Provider from "oidc-provider";

const [issuer, redirectUri, afterLogout, backchannel] = process.argv.slice(2);
const provider = new Provider(issuer, {
  clients: [
    {
      client_id: "harka",
      client_secret: "a secret of the client's",
      redirect_uris: [redirectUri],
      post_logout_redirect_uris: [afterLogout],
      backchannel_logout_uri: backchannel,
      backchannel_logout_session_required: true,
    },
  ],
  claims: { email: ["email", "email_verified"], profile: ["name", "roles"] },
  findAccount: (_context, id) => ({
    accountId: id,
    claims: () => ({
      sub: id,
      email: `${id}@oidc.example`,
      email_verified: !id.startsWith("unverified"),
      name: `Name of ${id}`,
      roles: ["instructor"],
    }),
  }),
  features: { backchannelLogout: { enabled: true } },
  pkce: { required: () => true },
});
const server = provider.listen(Number(new URL(issuer).port), "127.0.0.1", () => console.log("ready"));
// whoever started it is gone
process.stdin.on("end", () => server.close(() => process.exit())).resume();
