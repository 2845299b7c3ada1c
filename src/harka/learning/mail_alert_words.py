"""What is wrong with an organization, in the languages of e-mails, by the code of `analytics.health`."""

from collections.abc import Mapping
from typing import Final

_ISSUES: Final[Mapping[str, Mapping[str, str]]] = {
    "en": {
        "users_near_limit": "Active people are near the limit of your plan",
        "requests_near_limit": "This month's requests are near the limit of your plan",
        "storage_near_limit": "Storage is near the limit of your plan",
        "bandwidth_near_limit": "This month's downloads are near the limit of your plan",
        "jobs_failed": "Background jobs were given up",
        "certificates_expiring": "Certificates end within 30 days",
        "figures_stale": "Usage was not measured for a while",
        "domain_proof_missing": "The proof of a domain is gone: it will not be served any more",
        "webhooks_paused": "Webhook endpoints were paused and are told nothing",
        "webhook_events_lost": "Events were forgotten before a paused webhook endpoint was told them",
        "sso_certificate_expiring": "A certificate of single sign-on ends: nobody comes in by it then",
    },
    "de": {
        "users_near_limit": "Aktive Personen: die Grenze Ihres Tarifs ist nahe",
        "requests_near_limit": "Anfragen dieses Monats: die Grenze Ihres Tarifs ist nahe",
        "storage_near_limit": "Speicher: die Grenze Ihres Tarifs ist nahe",
        "bandwidth_near_limit": "Downloads dieses Monats: die Grenze Ihres Tarifs ist nahe",
        "jobs_failed": "Hintergrundaufgaben wurden aufgegeben",
        "certificates_expiring": "Zertifikate laufen innerhalb von 30 Tagen ab",
        "figures_stale": "Die Nutzung wurde länger nicht gemessen",
        "domain_proof_missing": "Der Nachweis einer Domain fehlt: sie wird bald nicht mehr bedient",
        "webhooks_paused": "Webhook-Endpunkte wurden angehalten und erfahren nichts mehr",
        "webhook_events_lost": "Ereignisse sind gelöscht, bevor ein angehaltener Webhook-Endpunkt sie erfuhr",
        "sso_certificate_expiring": "Ein SSO-Zertifikat läuft ab: dann kommt damit niemand mehr herein",
    },
    "fr": {
        "users_near_limit": "Personnes actives : la limite de votre offre est proche",
        "requests_near_limit": "Requêtes du mois : la limite de votre offre est proche",
        "storage_near_limit": "Stockage : la limite de votre offre est proche",
        "bandwidth_near_limit": "Téléchargements du mois : la limite de votre offre est proche",
        "jobs_failed": "Des tâches de fond ont été abandonnées",
        "certificates_expiring": "Des certificats expirent dans les 30 jours",
        "figures_stale": "L'utilisation n'a pas été mesurée depuis un moment",
        "domain_proof_missing": "La preuve d'un domaine a disparu : il ne sera bientôt plus servi",
        "webhooks_paused": "Des webhooks ont été suspendus et ne reçoivent plus rien",
        "webhook_events_lost": "Des événements ont été supprimés avant qu'un webhook suspendu ne les reçoive",
        "sso_certificate_expiring": "Un certificat SSO expire : plus personne n'entrera par là",
    },
    "es": {
        "users_near_limit": "Personas activas: cerca del límite de su plan",
        "requests_near_limit": "Solicitudes de este mes: cerca del límite de su plan",
        "storage_near_limit": "Almacenamiento: cerca del límite de su plan",
        "bandwidth_near_limit": "Descargas de este mes: cerca del límite de su plan",
        "jobs_failed": "Se han abandonado tareas en segundo plano",
        "certificates_expiring": "Hay certificados que caducan en 30 días",
        "figures_stale": "El uso no se ha medido desde hace un rato",
        "domain_proof_missing": "Falta la prueba de un dominio: pronto dejará de atenderse",
        "webhooks_paused": "Hay webhooks en pausa que no reciben nada",
        "webhook_events_lost": "Se borraron eventos antes de que un webhook en pausa los recibiera",
        "sso_certificate_expiring": "Caduca un certificado de SSO: después nadie podrá entrar por él",
    },
    "it": {
        "users_near_limit": "Persone attive: vicino al limite del Suo piano",
        "requests_near_limit": "Richieste di questo mese: vicino al limite del Suo piano",
        "storage_near_limit": "Spazio di archiviazione: vicino al limite del Suo piano",
        "bandwidth_near_limit": "Download di questo mese: vicino al limite del Suo piano",
        "jobs_failed": "Alcune attività in background sono state abbandonate",
        "certificates_expiring": "Alcuni certificati scadono entro 30 giorni",
        "figures_stale": "L'utilizzo non viene misurato da un po'",
        "domain_proof_missing": "Manca la prova di un dominio: presto non sarà più servito",
        "webhooks_paused": "Alcuni webhook sono stati sospesi e non ricevono nulla",
        "webhook_events_lost": "Alcuni eventi sono stati eliminati prima che un webhook sospeso li ricevesse",
        "sso_certificate_expiring": "Scade un certificato SSO: poi nessuno potrà più entrare da lì",
    },
    "pt": {
        "users_near_limit": "Pessoas ativas: perto do limite do seu plano",
        "requests_near_limit": "Solicitações deste mês: perto do limite do seu plano",
        "storage_near_limit": "Armazenamento: perto do limite do seu plano",
        "bandwidth_near_limit": "Downloads deste mês: perto do limite do seu plano",
        "jobs_failed": "Tarefas em segundo plano foram abandonadas",
        "certificates_expiring": "Há certificados que expiram em 30 dias",
        "figures_stale": "O uso não é medido há algum tempo",
        "domain_proof_missing": "Falta a prova de um domínio: em breve ele deixará de ser atendido",
        "webhooks_paused": "Há webhooks pausados que não recebem nada",
        "webhook_events_lost": "Eventos foram apagados antes de um webhook pausado os receber",
        "sso_certificate_expiring": "Um certificado de SSO expira: depois ninguém entra por ele",
    },
    "nl": {
        "users_near_limit": "Actieve personen: dicht bij de grens van uw abonnement",
        "requests_near_limit": "Verzoeken deze maand: dicht bij de grens van uw abonnement",
        "storage_near_limit": "Opslag: dicht bij de grens van uw abonnement",
        "bandwidth_near_limit": "Downloads deze maand: dicht bij de grens van uw abonnement",
        "jobs_failed": "Achtergrondtaken zijn opgegeven",
        "certificates_expiring": "Certificaten verlopen binnen 30 dagen",
        "figures_stale": "Het gebruik is een tijd niet gemeten",
        "domain_proof_missing": "Het bewijs van een domein ontbreekt: het wordt binnenkort niet meer bediend",
        "webhooks_paused": "Webhooks zijn gepauzeerd en krijgen niets meer te horen",
        "webhook_events_lost": "Gebeurtenissen zijn gewist voordat een gepauzeerde webhook ze kreeg",
        "sso_certificate_expiring": "Een SSO-certificaat verloopt: dan komt daarmee niemand meer binnen",
    },
}
_UNITS: Final[Mapping[str, tuple[float, str]]] = {
    "storage_near_limit": (1e9, " GB"),
    "bandwidth_near_limit": (1e9, " GB"),
    "figures_stale": (60.0, " min"),
    "sso_certificate_expiring": (1.0, " d"),
}
"""What a figure is divided by, and the sign after it; figures of others are numbers of things."""


def issue_line(language: str, code: str, measured: float, limit: float | None) -> str:
    """Of a language of `mail_words.LANGUAGES`. A code that nobody has words for stands for itself."""
    said = _ISSUES[language].get(code, code)
    divisor, sign = _UNITS.get(code, (1.0, ""))
    digits = 1 if sign else 0
    figures = [f"{each / divisor:.{digits}f}{sign}" for each in (measured, limit) if each is not None]
    return f"{said} ({' / '.join(figures)})"
