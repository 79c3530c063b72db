/** Names and addresses that nodes reserve with each other, as messages, at both ends. */
import { Metadata } from '@grpc/grpc-js';
import { cutText } from '../base/cut-text.js';
import { refused } from '../base/errors.js';
import { addressRefusal } from '../cnvms/address.js';
import { nameRefusal } from '../cnvms/check-new.js';
import type {
  LetGoResponse,
  ReservationServiceClient,
  ReservationServiceServer,
  ReserveResponse,
} from '../gen/cnvm/peer/v1/reservation.js';
import type { Answer, Asked } from '../mesh/reservations.js';
import type { ReservationLink } from '../mesh/reserving.js';
import type { Clients, Connection } from './connection.js';
import { type Handling, unary } from './handle.js';
import { unlessTooOld } from './status.js';

export interface ReservationsPort {
  asked(wish: Asked, from: string): Answer;
  released(id: string, from: string): void;
}

/** A UUID has 36 letters. */
const ID_MAX = 64;
/** Of a node. */
const NAME_MAX = 64;

/** @param network the overlay's, that what a peer asks for is held to. */
export function reservationCalls(
  handling: Handling,
  port: ReservationsPort,
  network: string,
): ReservationServiceServer {
  return {
    reserve: unary(handling, async ({ id, name, address }, { caller }) => {
      const why = nameRefusal(name) ?? addressRefusal(address, network);
      if (why !== undefined) throw refused('invalid', why);
      return toAnswer(port.asked({ id: demandId(id), name, address }, caller.name));
    }),
    letGo: unary(handling, async ({ id }, { caller }) => {
      port.released(demandId(id), caller.name);
      return {};
    }),
  };
}

function demandId(id: string): string {
  if (id === '' || id.length > ID_MAX) throw refused('invalid', 'the field "id" is no id');
  return id;
}

export interface WithReservations extends Clients {
  readonly reservations: ReservationServiceClient;
}

export function reservationLink(control: Connection<WithReservations>): ReservationLink {
  return {
    async reserve(asked, limits) {
      const answer = await unlessTooOld(() =>
        control.call<ReserveResponse>(limits, ({ reservations }, o, done) =>
          reservations.reserve(asked, new Metadata(), o, done),
        ),
      );
      return answer === undefined ? undefined : fromAnswer(answer);
    },
    async letGo(id, limits) {
      await control.call<LetGoResponse>(limits, ({ reservations }, o, done) =>
        reservations.letGo({ id }, new Metadata(), o, done),
      );
    },
  };
}

function toAnswer(answer: Answer): ReserveResponse {
  if (answer.granted) return { granted: true, holder: '', nameTaken: false, made: false };
  return { granted: false, holder: answer.holder, nameTaken: answer.what === 'name', made: answer.made };
}

function fromAnswer({ granted, holder, nameTaken, made }: ReserveResponse): Answer {
  if (granted) return { granted };
  return { granted, holder: cutText(holder, NAME_MAX), what: nameTaken ? 'name' : 'address', made };
}
