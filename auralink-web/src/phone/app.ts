/** The phone as an app of the service: the one that may manage its person's account. Its other pages are the same app. */

export const PHONE_APP_ID = 'phone';
export const PHONE_SCOPE =
  'openid offline_access call.place call.receive profile.read contacts.read contacts.write account.manage';
