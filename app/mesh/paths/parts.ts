// What a network's paths are made of, and what each part asks of the others. Paths (paths.ts) says what happens to them.
import { encodeMessage } from '../../wire/messages/message.ts';
import type { Origin } from '../../wire/messages/presence.ts';
import { Graph } from '../routing/graph.ts';
import { Routes } from '../routing/routes.ts';
import { Chance } from './chance.ts';
import { Contacts } from './contacts.ts';
import { Doubts } from './doubts.ts';
import type { PathsIo, PathsStart } from './io.ts';
import { Members } from './members.ts';
import { Neighbours } from './neighbours.ts';
import { News } from './news.ts';
import { Reach } from './reach.ts';
import { Seeker } from './seeker.ts';
import { Statements } from './statements.ts';

/** What the parts ask of Paths. */
export interface PartsIo {
  isOnline(origin: Origin): boolean;
  /** Neighbours that are wished for. */
  target(): number;
  /** A neighbour was gained or lost. */
  linkChanged(active: boolean): void;
}

export class Parts {
  readonly chance: Chance;
  readonly graph = new Graph();
  readonly members = new Members(this.graph);
  readonly doubts = new Doubts();
  readonly routes: Routes;
  readonly reach: Reach;
  readonly contacts: Contacts;
  readonly neighbours: Neighbours;
  readonly seeker: Seeker;
  readonly news: News;
  readonly statements: Statements;

  constructor(io: PathsIo, start: PathsStart, own: PartsIo) {
    const { self } = start;
    this.chance = new Chance(io.random);
    this.routes = new Routes({
      self,
      graph: this.graph,
      presence: (origin) => this.statements.table.get(origin),
      directs: () => this.contacts.directs(),
    });
    this.reach = new Reach({
      graph: this.graph,
      ups: () => this.contacts.ups(),
      suspected: (origin) => this.contacts.suspected(origin, this.statements.table.seq(origin)),
      anySuspected: () => this.contacts.anySuspected,
    });
    this.contacts = new Contacts(
      {
        isMember: (origin) => origin !== self && this.members.has(origin),
        endpoints: (origin) => this.statements.table.get(origin)?.endpoints ?? [],
        connect: (origin) => io.connect(origin),
        hasRelay: (origin) => this.routes.has(origin),
        disconnect: (origin) => io.disconnect(origin),
      },
      this.chance,
    );
    this.neighbours = new Neighbours(
      {
        say: (origin, what, needy) => void io.send(origin, encodeMessage({ type: 'link', what, needy })),
        changed: (_, active) => own.linkChanged(active),
        degree: (origin) => this.statements.table.get(origin)?.neighbours.length ?? 0,
      },
      this.chance,
    );
    this.seeker = new Seeker(
      {
        self,
        members: () => this.members.origins(),
        memberCount: () => this.members.size,
        contacts: this.contacts,
        neighbours: this.neighbours,
        target: () => own.target(),
        isOnline: (origin) => own.isOnline(origin),
        isOff: (origin) => this.statements.table.get(origin)?.off === true,
      },
      this.chance,
    );
    this.news = new News({
      self,
      contacts: this.contacts,
      paths: io,
      hopeful: (nowMono) => this.seeker.soon(nowMono),
    });
    this.statements = new Statements(
      {
        share: (bytes) => io.share(bytes),
        sign: (message) => io.sign(message),
        verify: (key, message, signature) => io.verify(key, message, signature),
        send: (origin, bytes) => io.send(origin, bytes),
        reserveSeq: (until) => io.reserveSeq(until),
        signKey: (origin) => this.members.get(origin)?.signKey,
        neighbours: () => this.neighbours.active(),
        isRelayed: (origin) => this.contacts.isRelayed(origin),
        roundTrips: () => this.contacts.roundTrips(),
      },
      this.graph,
      this.chance,
      start,
    );
  }
}
