/** Matrix accounts at the shared Synapse without an AuraID, made and signed in by our application service. */
import { randomBytes } from 'node:crypto';

export interface MatrixUser {
  readonly userId: string;
  readonly accessToken: string;
  readonly deviceId: string;
  /** A fresh OpenID token (Matrix spec, "OpenID"). */
  openId(): Promise<OpenIdAnswer>;
}

export interface OpenIdAnswer {
  readonly access_token: string;
  readonly token_type: string;
  readonly matrix_server_name: string;
  readonly expires_in: number;
}

/** `synapseUrl` may also be the public door. */
export async function makeMatrixUser(synapseUrl: string, asToken: string, name = 'm'): Promise<MatrixUser> {
  const post = async (path: string, token: string, body: object): Promise<Record<string, string>> => {
    const answer = await fetch(`${synapseUrl}${path}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    const json = (await answer.json()) as Record<string, string>;
    if (!answer.ok) throw new Error(`${path} answered ${answer.status} ${JSON.stringify(json)}`);
    return json;
  };
  const username = `${name}${randomBytes(6).toString('hex')}`;
  const made = await post('/_matrix/client/v3/register', asToken, {
    type: 'm.login.application_service',
    username,
  });
  const { user_id: userId = '', access_token: accessToken = '', device_id: deviceId = '' } = made;
  return {
    userId,
    accessToken,
    deviceId,
    openId: async () => {
      const path = `/_matrix/client/v3/user/${encodeURIComponent(userId)}/openid/request_token`;
      return (await post(path, accessToken, {})) as unknown as OpenIdAnswer;
    },
  };
}
