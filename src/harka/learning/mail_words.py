"""What e-mails say, in the languages of organizations. `{…}` is filled in by `learning.mail`."""

from collections.abc import Mapping
from typing import Final

import msgspec


class Words(msgspec.Struct, frozen=True):
    """Subject, body and button by kind of e-mail. `until`: of what ends. `unsubscribe`: of what may be."""

    greeting: str
    until: str
    unsubscribe: str
    invitation: tuple[str, str, str]
    reset: tuple[str, str, str]
    certificate: tuple[str, str, str]
    alert: tuple[str, str, str]
    break_glass: tuple[str, str, str]
    test: tuple[str, str, str]


_ENGLISH: Final = Words(
    greeting="Hello {name},",
    until="It is good once, until {until}.",
    unsubscribe="Do not send me such e-mails any more",
    invitation=(
        "You are invited to {organization}",
        "{organization} invites you to learn with them.",
        "Accept the invitation",
    ),
    reset=(
        "Set your password at {organization}",
        "With this link you set a new password. If you did not ask for it, you need not do anything.",
        "Set a password",
    ),
    certificate=(
        "Your certificate: {title}",
        "You have completed “{title}”. Congratulations!",
        "Open the certificate",
    ),
    alert=(
        "{organization}: something needs your attention",
        "This needs somebody's attention at {organization}:",
        "Look at it",
    ),
    break_glass=(
        "{organization}: {title} came in past single sign-on",
        (
            "{title} has signed in at {organization} as an owner, with a password or a passkey of"
            " their own, although sign-in by your identity provider is enforced. If the provider "
            "is down, that is what this way is for. If not, end their sessions and ask them."
        ),
        "Look at it",
    ),
    test=(
        "{organization}: your own e-mail server works",
        "This e-mail has come by the server of {organization}.",
        "Open the dashboard",
    ),
)
_WORDS: Final[Mapping[str, Words]] = {
    "en": _ENGLISH,
    "de": Words(
        greeting="Hallo {name},",
        until="Der Link gilt einmal, bis {until}.",
        unsubscribe="Keine solchen E-Mails mehr erhalten",
        invitation=(
            "Einladung zu {organization}",
            "{organization} lädt Sie zum Lernen ein.",
            "Einladung annehmen",
        ),
        reset=(
            "Ihr Passwort bei {organization}",
            "Mit diesem Link setzen Sie ein neues Passwort. Haben Sie es nicht verlangt, ist nichts zu tun.",
            "Passwort setzen",
        ),
        certificate=(
            "Ihr Zertifikat: {title}",
            "Sie haben „{title}“ abgeschlossen. Herzlichen Glückwunsch!",
            "Zertifikat öffnen",
        ),
        alert=(
            "{organization}: etwas braucht Ihre Aufmerksamkeit",
            "Bei {organization} sollte sich jemand darum kümmern:",
            "Ansehen",
        ),
        break_glass=(
            "{organization}: Anmeldung am SSO vorbei durch {title}",
            (
                "{title} hat sich bei {organization} als Inhaber mit eigenem Passwort oder "
                "Passkey angemeldet, obwohl die Anmeldung über Ihren Identitätsanbieter "
                "vorgeschrieben ist. Ist der Anbieter ausgefallen, ist dieser Weg dafür da. Wenn "
                "nicht: Sitzungen beenden und nachfragen."
            ),
            "Ansehen",
        ),
        test=(
            "{organization}: der eigene E-Mail-Server funktioniert",
            "Diese E-Mail kam über den Server von {organization}.",
            "Zur Übersicht",
        ),
    ),
    "fr": Words(
        greeting="Bonjour {name},",
        until="Ce lien est valable une fois, jusqu'au {until}.",
        unsubscribe="Ne plus recevoir ces e-mails",
        invitation=(
            "Invitation à rejoindre {organization}",
            "{organization} vous invite à vous former.",
            "Accepter l'invitation",
        ),
        reset=(
            "Votre mot de passe chez {organization}",
            "Ce lien permet de choisir un mot de passe. Si vous n'avez rien demandé, ignorez ce message.",
            "Choisir un mot de passe",
        ),
        certificate=(
            "Votre certificat : {title}",
            "Vous avez terminé « {title} ». Félicitations !",
            "Ouvrir le certificat",
        ),
        alert=(
            "{organization} : votre attention est requise",
            "Voici ce qui demande votre attention chez {organization} :",
            "Voir les détails",
        ),
        break_glass=(
            "{organization} : {title} est entré sans le SSO",
            (
                "{title} s'est connecté à {organization} en tant que propriétaire, par son propre"
                " mot de passe ou sa clé d'accès, alors que la connexion par votre fournisseur "
                "d'identité est imposée. Si ce fournisseur est en panne, cette voie est faite "
                "pour cela. Sinon, mettez fin à ses sessions et posez-lui la question."
            ),
            "Voir les détails",
        ),
        test=(
            "{organization} : votre serveur de messagerie fonctionne",
            "Cet e-mail est passé par le serveur de {organization}.",
            "Ouvrir le tableau de bord",
        ),
    ),
    "es": Words(
        greeting="Hola, {name}:",
        until="El enlace sirve una sola vez, hasta el {until}.",
        unsubscribe="No recibir más estos correos",
        invitation=(
            "Invitación a {organization}",
            "{organization} le invita a formarse.",
            "Aceptar la invitación",
        ),
        reset=(
            "Su contraseña en {organization}",
            "Con este enlace puede elegir una nueva contraseña. Si no la ha pedido, no tiene que hacer nada.",
            "Elegir contraseña",
        ),
        certificate=(
            "Su certificado: {title}",
            "Ha completado «{title}». ¡Enhorabuena!",
            "Abrir el certificado",
        ),
        alert=(
            "{organization}: algo requiere su atención",
            "Esto requiere atención en {organization}:",
            "Ver los detalles",
        ),
        break_glass=(
            "{organization}: {title} ha entrado sin el SSO",
            (
                "{title} ha iniciado sesión en {organization} como propietario, con su propia "
                "contraseña o llave de acceso, aunque se exige su proveedor de identidad. Si el "
                "proveedor no funciona, esta vía es para eso. Si no, cierre sus sesiones y "
                "pregúntele."
            ),
            "Ver los detalles",
        ),
        test=(
            "{organization}: su servidor de correo funciona",
            "Este correo ha llegado por el servidor de {organization}.",
            "Abrir el panel",
        ),
    ),
    "it": Words(
        greeting="Buongiorno {name},",
        until="Il link vale una sola volta, fino al {until}.",
        unsubscribe="Non ricevere più queste e-mail",
        invitation=(
            "Invito a {organization}",
            "{organization} La invita alla formazione.",
            "Accettare l'invito",
        ),
        reset=(
            "La Sua password presso {organization}",
            "Con questo link può scegliere una nuova password. Se non l'ha chiesta, non deve fare nulla.",
            "Scegliere una password",
        ),
        certificate=(
            "Il Suo certificato: {title}",
            "Ha completato «{title}». Congratulazioni!",
            "Aprire il certificato",
        ),
        alert=(
            "{organization}: serve la Sua attenzione",
            "Questo richiede attenzione presso {organization}:",
            "Vedere i dettagli",
        ),
        break_glass=(
            "{organization}: {title} è entrato senza l'SSO",
            (
                "{title} ha effettuato l'accesso a {organization} come proprietario, con la "
                "propria password o passkey, benché sia imposto il Suo provider di identità. Se "
                "il provider non funziona, questa via serve a questo. Altrimenti chiuda le sue "
                "sessioni e chieda spiegazioni."
            ),
            "Vedere i dettagli",
        ),
        test=(
            "{organization}: il Suo server di posta funziona",
            "Questa e-mail è arrivata dal server di {organization}.",
            "Aprire il pannello",
        ),
    ),
    "pt": Words(
        greeting="Olá, {name}!",
        until="O link vale uma única vez, até {until}.",
        unsubscribe="Não receber mais estes e-mails",
        invitation=(
            "Convite para {organization}",
            "{organization} convida você a aprender.",
            "Aceitar o convite",
        ),
        reset=(
            "Sua senha em {organization}",
            "Com este link você escolhe uma nova senha. Se não pediu isso, não é preciso fazer nada.",
            "Escolher uma senha",
        ),
        certificate=(
            "Seu certificado: {title}",
            "Você concluiu “{title}”. Parabéns!",
            "Abrir o certificado",
        ),
        alert=(
            "{organization}: algo precisa da sua atenção",
            "Isto precisa de atenção em {organization}:",
            "Ver os detalhes",
        ),
        break_glass=(
            "{organization}: {title} entrou sem o SSO",
            (
                "{title} entrou em {organization} como proprietário, com a própria senha ou chave"
                " de acesso, embora o seu provedor de identidade seja obrigatório. Se o provedor "
                "estiver fora do ar, este caminho é para isso. Se não, encerre as sessões e "
                "pergunte."
            ),
            "Ver os detalhes",
        ),
        test=(
            "{organization}: seu servidor de e-mail funciona",
            "Este e-mail chegou pelo servidor de {organization}.",
            "Abrir o painel",
        ),
    ),
    "nl": Words(
        greeting="Hallo {name},",
        until="De link is één keer geldig, tot {until}.",
        unsubscribe="Deze e-mails niet meer ontvangen",
        invitation=(
            "Uitnodiging voor {organization}",
            "{organization} nodigt u uit om te leren.",
            "Uitnodiging aannemen",
        ),
        reset=(
            "Uw wachtwoord bij {organization}",
            "Met deze link kiest u een wachtwoord. Hebt u er niet om gevraagd, dan hoeft u niets te doen.",
            "Wachtwoord kiezen",
        ),
        certificate=(
            "Uw certificaat: {title}",
            "U hebt '{title}' voltooid. Gefeliciteerd!",
            "Certificaat openen",
        ),
        alert=(
            "{organization}: iets vraagt uw aandacht",
            "Dit vraagt aandacht bij {organization}:",
            "Bekijken",
        ),
        break_glass=(
            "{organization}: {title} kwam binnen buiten SSO om",
            (
                "{title} heeft zich bij {organization} als eigenaar aangemeld met een eigen "
                "wachtwoord of passkey, hoewel aanmelden via uw identiteitsprovider verplicht is."
                " Ligt de provider eruit, dan is deze weg daarvoor bedoeld. Zo niet: beëindig de "
                "sessies en vraag het na."
            ),
            "Bekijken",
        ),
        test=(
            "{organization}: uw eigen mailserver werkt",
            "Deze e-mail kwam via de server van {organization}.",
            "Open het dashboard",
        ),
    ),
}
LANGUAGES: Final = tuple(_WORDS)


def words_of(locale: str) -> tuple[str, Words]:
    """The language of a BCP 47 tag and its words; English for one that nobody has translated."""
    language = locale.partition("-")[0].lower()
    return (language, _WORDS[language]) if language in _WORDS else ("en", _ENGLISH)
