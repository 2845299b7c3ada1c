// Asks the browser for a passkey, on the page that signs in and on the one that lists them.
"use strict";

(() => {
  const bytes = (text) =>
    Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (each) => each.charCodeAt(0));
  const text = (buffer) =>
    btoa(String.fromCharCode(...new Uint8Array(buffer)))
      .replaceAll("+", "-")
      .replaceAll("/", "_")
      .replaceAll("=", "");

  const post = async (path, body) => {
    const answer = await fetch(path, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(body),
    });
    const told = await answer.json();
    if (!answer.ok) throw new Error(told.errors?.[0]?.message ?? "It did not work: try again.");
    return told;
  };

  const named = (credential, response) => ({
    id: credential.id,
    rawId: text(credential.rawId),
    type: credential.type,
    clientExtensionResults: {},
    response: { clientDataJSON: text(credential.response.clientDataJSON), ...response },
  });

  const signIn = async () => {
    const { options, ceremony } = await post("/auth/passkey/options", {});
    const publicKey = { ...options, challenge: bytes(options.challenge) };
    const credential = await navigator.credentials.get({ publicKey });
    const { authenticatorData, signature, userHandle } = credential.response;
    const answer = named(credential, {
      authenticatorData: text(authenticatorData),
      signature: text(signature),
      userHandle: userHandle ? text(userHandle) : null,
    });
    const next = document.querySelector("input[name=next]").value;
    const { location } = await post("/auth/passkey", { ceremony, credential: answer, next });
    window.location.assign(location);
  };

  const add = async (name, password) => {
    const { options, ceremony } = await post("/auth/passkeys/options", { password });
    const publicKey = {
      ...options,
      challenge: bytes(options.challenge),
      user: { ...options.user, id: bytes(options.user.id) },
      excludeCredentials: options.excludeCredentials.map((each) => ({ ...each, id: bytes(each.id) })),
    };
    const credential = await navigator.credentials.create({ publicKey });
    const answer = named(credential, { attestationObject: text(credential.response.attestationObject) });
    await post("/auth/passkeys/new", { ceremony, credential: answer, name });
    window.location.assign("/auth/passkeys");
  };

  const show = (place, error) => {
    // whoever closed the browser's own window has seen why
    place.textContent = error.name === "NotAllowedError" ? "No passkey was used." : error.message;
    place.hidden = false;
  };

  if (!window.PublicKeyCredential) return;
  const button = document.getElementById("passkey");
  if (button) {
    button.hidden = false;
    button.addEventListener("click", () => signIn().catch((error) => show(document.getElementById("passkey-failure"), error)));
  }
  const form = document.getElementById("add");
  if (form) {
    form.hidden = false;
    document.getElementById("unable").hidden = true;
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      add(form.elements.name.value, form.elements.password.value).catch((error) =>
        show(document.getElementById("add-failure"), error),
      );
    });
  }
})();
