import { leadsToPrivate, pushKeysProblem, type Reach } from '@pizzapi/process/notify';
import { errorInfo, type ErrorInfo, type PushSubscriptionBody } from '@pizzapi/protocol';

/** Why nothing may be posted to an address, or undefined. Sending asks again where its name leads. */
export async function webhookProblem(text: string, { allowPrivate }: Reach): Promise<ErrorInfo | undefined> {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol))
    return errorInfo('bad_request', 'The webhook must be an address such as https://ntfy.sh/my-topic');
  if (url.username !== '' || url.password !== '')
    return errorInfo('bad_request', 'The address of the webhook contains a password; set a token instead');
  return reachProblem(url, allowPrivate);
}

/** The same of a browser's subscription: its push service, and its keys. */
export async function subscriptionProblem(
  { endpoint, keys }: Pick<PushSubscriptionBody, 'endpoint' | 'keys'>,
  { allowPrivate }: Reach,
): Promise<ErrorInfo | undefined> {
  const url = URL.canParse(endpoint) ? new URL(endpoint) : undefined;
  if (url?.protocol !== 'https:' || url.username !== '' || url.password !== '')
    return errorInfo('bad_request', '`endpoint` is not the https address of a push service');
  const problem = pushKeysProblem(keys);
  return problem === undefined ? reachProblem(url, allowPrivate) : errorInfo('bad_request', problem);
}

async function reachProblem(url: URL, allowPrivate: boolean): Promise<ErrorInfo | undefined> {
  if (allowPrivate || !(await leadsToPrivate(url))) return undefined;
  return errorInfo('address_refused', `${url.hostname} is an address of a private network`);
}
