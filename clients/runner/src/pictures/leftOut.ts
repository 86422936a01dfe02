/** The type of the message after which the agent works without the pictures before it. Stored in pi's files. */
export const PICTURES_LEFT_OUT = 'pizzapi.pictures-left-out';

/** What the errors of providers have in common that refuse a conversation for a picture in it. */
const REFUSES_PICTURE =
  /\bimages?\b|image_url|\bpictures?\b|\bvision\b|\bmedia[ _]type\b|request_too_large|request entity too large|\b413\b/i;

/** Whether the error of a turn is the refusal of a picture. Only a conversation with pictures can have one. */
export function isPictureRefusal(error: string, pictures: number): boolean {
  return pictures > 0 && REFUSES_PICTURE.test(error);
}

export const LEAVE_OUT = 'Leave the pictures out and continue';
export const KEEP = 'Keep them';

/** The question to people after a refusal. `error` is what the provider answered. */
export function refusalQuestion(pictures: number, error: string): string {
  const what = pictures === 1 ? 'a picture' : `one of ${pictures} pictures`;
  return `The model refused ${what} in this session, and it will refuse every further message with it: ${error.slice(0, 300)}`;
}

/** What the agent and people read in place of the pictures. */
export function leftOutText(pictures: number): string {
  const what = pictures === 1 ? 'A picture was' : `${pictures} pictures were`;
  return `${what} left out, because the model refused the conversation with ${pictures === 1 ? 'it' : 'them'}. Continue without ${pictures === 1 ? 'it' : 'them'}.`;
}
