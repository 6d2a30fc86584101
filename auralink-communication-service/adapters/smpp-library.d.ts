/** What we use of the package smpp, which brings no types. */
declare module 'smpp' {
  import type { EventEmitter } from 'node:events';
  import type { Server as NetServer, Socket } from 'node:net';

  /** Texts come decoded: `{ message }`. */
  export interface SmppText {
    readonly message: string | Buffer;
  }
  export interface Pdu {
    readonly command: string;
    readonly command_status: number;
    readonly sequence_number: number;
    readonly system_id?: string;
    readonly password?: string;
    readonly message_id?: string;
    readonly source_addr?: string;
    readonly destination_addr?: string;
    readonly esm_class?: number;
    readonly data_coding?: number;
    readonly short_message?: SmppText;
    readonly message_payload?: SmppText;
    readonly receipted_message_id?: string;
    readonly message_state?: number;
    response(fields?: object): Pdu;
    isResponse(): boolean;
  }
  type Answered = (answer: Pdu) => void;
  export class Session extends EventEmitter {
    readonly socket: Socket;
    bind_transceiver(fields: object, answered: Answered): boolean;
    submit_sm(fields: object, answered: Answered, written?: () => void): boolean;
    deliver_sm(fields: object, answered: Answered): boolean;
    enquire_link(fields: object, answered: Answered): boolean;
    unbind(answered: Answered): boolean;
    send(pdu: Pdu): boolean;
    close(): void;
    destroy(): void;
  }
  export interface ConnectOptions {
    readonly host: string;
    readonly port: number;
    readonly tls: boolean;
  }
  const smpp: {
    connect(options: ConnectOptions): Session;
    createServer(listener: (session: Session) => void): NetServer & { readonly sessions: readonly Session[] };
    readonly errors: Readonly<Record<string, number>>;
  };
  export default smpp;
}
