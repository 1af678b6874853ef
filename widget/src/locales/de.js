/** @type {import("../types.js").ButtonTexts} */
export const button = {
  button: "Benachrichtigen, wenn verfügbar",
  loadFailed: "Das Formular lädt nicht. Als Seite öffnen",
};

/** @type {import("../types.js").FormTexts} */
export const form = {
  title: "Sobald es wieder da ist",
  intro: "Hinterlassen Sie Ihre E-Mail-Adresse. Wir schreiben Ihnen, sobald der Artikel wieder erhältlich ist.",
  email: "E-Mail-Adresse",
  marketing: "Ich möchte auch Neuigkeiten und Angebote erhalten",
  submit: "Benachrichtigen",
  sending: "Wird gesendet …",
  privacy: "Sie können sich jederzeit abmelden: In jeder Nachricht steht ein Link.",
  close: "Schließen",
  emailMissing: "Bitte geben Sie Ihre E-Mail-Adresse ein.",
  emailInvalid: "Bitte prüfen Sie die Adresse. Sie sollte aussehen wie name@example.com.",
  acceptedTitle: "Sie stehen auf der Liste",
  accepted: "Wir schreiben an {email}, sobald der Artikel wieder erhältlich ist.",
  confirmTitle: "Bitte sehen Sie in Ihr Postfach",
  confirm: "Wir haben einen Link an {email} gesendet. Öffnen Sie ihn, dann stehen Sie auf der Liste.",
  inStockTitle: "Gute Nachricht: wieder da",
  inStock: "Der Artikel ist gerade erhältlich. Laden Sie die Seite neu, um ihn zu kaufen.",
  reload: "Seite neu laden",
  unknownVariant: "Für diesen Artikel ist keine Anmeldung möglich. Bitte laden Sie die Seite neu.",
  tooMany: "Zu viele Versuche. Bitte versuchen Sie es {when} noch einmal.",
  later: "etwas später",
  failed: "Bei uns ist etwas schiefgegangen. Bitte versuchen Sie es noch einmal.",
  unreachable: "Der Shop ist nicht erreichbar. Bitte prüfen Sie Ihre Verbindung und versuchen Sie es noch einmal.",
};
