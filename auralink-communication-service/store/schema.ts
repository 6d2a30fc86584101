/**
 * The tables as Kysely sees them. They mirror scripts/db/migrations; a test compares the two, column by column.
 */
import type { ColumnType, Generated } from 'kysely';

/** timestamptz: read as Date, written as Date (or by SQL's now()). */
export type Timestamp = ColumnType<Date, Date, Date>;
export type GeneratedTimestamp = ColumnType<Date, Date | undefined, Date>;
export type NullableTimestamp = ColumnType<Date | null, Date | null | undefined, Date | null>;
/** bigint: small enough here to be a number (db.ts parses it). */
export type Int8 = number;
/** jsonb: read parsed, written as text. */
export type Json = ColumnType<unknown, string, string>;
export type GeneratedJson = ColumnType<unknown, string | undefined, string>;

export interface SchemaMigrationsTable {
  file: string;
  checksum: string;
  applied_at: GeneratedTimestamp;
}

export interface AuraIdRegistryTable {
  person_id: string;
  aura_id: string;
  skeleton: string;
  display_name: string | null;
  state: 'reserved' | 'active' | 'suspended' | 'released';
  visibility: Generated<'public' | 'friends' | 'private'>;
  registration_key: string;
  dashboard_user_id: string | null;
  password_set_at: NullableTimestamp;
  reserved_at: GeneratedTimestamp;
  activated_at: NullableTimestamp;
  updated_at: GeneratedTimestamp;
}

export interface AuraIdVerificationsTable {
  verification_id: string;
  person_id: string;
  method: 'email' | 'phone' | 'document';
  state: 'pending' | 'verified' | 'rejected' | 'withdrawn' | 'expired';
  subject_index: Buffer | null;
  evidence: GeneratedJson;
  verified_at: NullableTimestamp;
  expires_at: NullableTimestamp;
  created_at: GeneratedTimestamp;
  updated_at: GeneratedTimestamp;
}

export interface MatrixUserMappingsTable {
  matrix_user_id: string;
  person_id: string;
  state: 'pending' | 'active';
  is_primary: Generated<boolean>;
  attached_by: 'provisioned' | 'sign_in';
  created_at: GeneratedTimestamp;
  activated_at: NullableTimestamp;
}

export interface MeshNodesTable {
  node_id: string;
  kind: 'relay' | 'sfu' | 'client';
  region: string | null;
  urls: string[];
  capacity_kbps: number | null;
  state: Generated<'up' | 'draining' | 'down'>;
  labels: GeneratedJson;
  registered_by: string;
  registered_at: GeneratedTimestamp;
  last_seen_at: GeneratedTimestamp;
}

export interface MeshRoutesTable {
  route_id: string;
  from_node: string;
  to_node: string;
  media: 'audio' | 'video';
  kind: 'direct' | 'relay' | 'two_relays' | 'sfu' | 'turn_tls';
  hops: Generated<string[]>;
  rtt_ms: number | null;
  jitter_ms: number | null;
  loss_ratio: number | null;
  mos: number | null;
  mos_low: number | null;
  mos_high: number | null;
  reason: string;
  computed_at: GeneratedTimestamp;
  expires_at: Timestamp;
}

export interface TrustScoresTable {
  person_id: string;
  score: number;
  score_low: number;
  score_high: number;
  components: Json;
  reasons: Json;
  computed_at: GeneratedTimestamp;
}

export interface CrossAppCallsTable {
  call_id: string;
  caller_person_id: string;
  caller_aura_id: string;
  caller_endpoint_id: string;
  caller_app_id: string;
  media: 'audio' | 'video';
  state: 'ringing' | 'active' | 'ended';
  end_reason: string | null;
  livekit_room: string | null;
  caller_joined_at: NullableTimestamp;
  callee_joined_at: NullableTimestamp;
  media_established_at: NullableTimestamp;
  idempotency_key: string;
  created_at: GeneratedTimestamp;
  answered_at: NullableTimestamp;
  ended_at: NullableTimestamp;
}

export interface NotificationQueueTable {
  notification_id: string;
  person_id: string;
  app_id: string;
  channel: 'socket' | 'web_push' | 'apns' | 'fcm' | 'unified_push' | 'email' | 'webhook';
  dedup_key: string;
  priority: Generated<number>;
  payload: Json;
  state: Generated<'pending' | 'sent' | 'expired' | 'dead'>;
  run_at: GeneratedTimestamp;
  attempts: Generated<number>;
  locked_until: NullableTimestamp;
  last_error: string | null;
  expires_at: NullableTimestamp;
  created_at: GeneratedTimestamp;
  updated_at: GeneratedTimestamp;
}

export interface FederationServersTable {
  server_name: string;
  state: Generated<'known' | 'allowed' | 'blocked'>;
  capabilities: GeneratedJson;
  first_seen_at: GeneratedTimestamp;
  last_success_at: NullableTimestamp;
  last_failure_at: NullableTimestamp;
  last_error: string | null;
}

export interface AppsTable {
  app_id: string;
  name: string;
  icon: string;
  origins: string[];
  redirect_uris: string[];
  scopes: string[];
  created_at: GeneratedTimestamp;
  disabled_at: NullableTimestamp;
}

export interface EndpointsTable {
  endpoint_id: string;
  person_id: string;
  app_id: string;
  device_key: string;
  grant_id: string | null;
  scopes: string[];
  user_agent: string | null;
  created_at: GeneratedTimestamp;
  last_used_at: GeneratedTimestamp;
  focused_at: NullableTimestamp;
  disconnected_at: NullableTimestamp;
  revoked_at: NullableTimestamp;
}

export interface ServiceProcessesTable {
  process_id: string;
  started_at: GeneratedTimestamp;
  heartbeat_at: GeneratedTimestamp;
}

export interface EndpointSocketsTable {
  socket_id: string;
  endpoint_id: string;
  process_id: string;
  connected_at: GeneratedTimestamp;
}

export interface EndpointStreamsTable {
  endpoint_id: string;
  last_seq: Generated<Int8>;
  acknowledged_seq: Generated<Int8>;
}

export interface EndpointEventsTable {
  endpoint_id: string;
  seq: Int8;
  type: string;
  data: Json;
  transaction_id: Generated<string>;
  created_at: GeneratedTimestamp;
}

export interface DeviceChoicesTable {
  person_id: string;
  device_key: string;
  app_id: string;
  chosen_at: GeneratedTimestamp;
}

export interface CallInvitationsTable {
  invitation_id: string;
  call_id: string;
  callee_person_id: string;
  callee_aura_id: string;
  state: 'ringing' | 'answered' | 'ended' | 'declined' | 'cancelled' | 'missed' | 'failed';
  reason: string | null;
  named_app_id: string | null;
  deadline_at: Timestamp;
  media_deadline_at: NullableTimestamp;
  answered_by_endpoint_id: string | null;
  answer_key: string | null;
  merged_into_call_id: string | null;
  created_at: GeneratedTimestamp;
  alerting_at: NullableTimestamp;
  answered_at: NullableTimestamp;
  ended_at: NullableTimestamp;
}

export interface CallRingsTable {
  ring_id: string;
  invitation_id: string;
  endpoint_id: string;
  device_key: string;
  rank: number;
  state: 'waiting' | 'sent' | 'ringing' | 'stopped';
  failover_at: NullableTimestamp;
  sent_at: NullableTimestamp;
  acknowledged_at: NullableTimestamp;
  stopped_at: NullableTimestamp;
  stop_reason: string | null;
  ring_seq: Int8 | null;
}

export interface LivekitWebhooksTable {
  webhook_id: string;
  event: string;
  received_at: GeneratedTimestamp;
}

export interface OutboxEventsTable {
  event_id: string;
  topic: string;
  payload: Json;
  run_at: GeneratedTimestamp;
  attempts: Generated<number>;
  last_error: string | null;
  created_at: GeneratedTimestamp;
}

export interface PeriodicJobsTable {
  job: string;
  next_run_at: Timestamp;
}

export interface OidcDocumentsTable {
  model: string;
  id: string;
  grant_id: string | null;
  uid: string | null;
  user_code: string | null;
  payload: Json;
  consumed_at: NullableTimestamp;
  expires_at: NullableTimestamp;
}

export interface SignInCodesTable {
  code_hash: Buffer;
  person_id: string;
  created_at: GeneratedTimestamp;
  expires_at: Timestamp;
  used_at: NullableTimestamp;
}

export interface ServiceTokenUsesTable {
  issuer: string;
  token_id: string;
  expires_at: Timestamp;
}

export interface RateLimitsTable {
  key: string;
  hits: number;
  window_ends_at: Timestamp;
}

export interface Database {
  schema_migrations: SchemaMigrationsTable;
  aura_id_registry: AuraIdRegistryTable;
  aura_id_verifications: AuraIdVerificationsTable;
  matrix_user_mappings: MatrixUserMappingsTable;
  mesh_nodes: MeshNodesTable;
  mesh_routes: MeshRoutesTable;
  trust_scores: TrustScoresTable;
  cross_app_calls: CrossAppCallsTable;
  notification_queue: NotificationQueueTable;
  federation_servers: FederationServersTable;
  apps: AppsTable;
  endpoints: EndpointsTable;
  service_processes: ServiceProcessesTable;
  endpoint_sockets: EndpointSocketsTable;
  endpoint_streams: EndpointStreamsTable;
  endpoint_events: EndpointEventsTable;
  device_choices: DeviceChoicesTable;
  call_invitations: CallInvitationsTable;
  call_rings: CallRingsTable;
  livekit_webhooks: LivekitWebhooksTable;
  outbox_events: OutboxEventsTable;
  periodic_jobs: PeriodicJobsTable;
  oidc_documents: OidcDocumentsTable;
  sign_in_codes: SignInCodesTable;
  service_token_uses: ServiceTokenUsesTable;
  rate_limits: RateLimitsTable;
}
