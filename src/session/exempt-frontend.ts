/**
 * Follows what an exempt client sends, for the audit. Every byte goes on as it came; nothing is held or refused,
 * save that strict durability may ask a statement to wait for its intent.
 */
import { isHead, openFrame } from '../wire/codec.js';
import type { FrameSink, Verdict } from '../wire/framer.js';
import { frontendTypes } from '../wire/message-types.js';
import { close as closeCodec, describe as describeCodec } from '../wire/messages/describe-close.js';
import { execute as executeCodec } from '../wire/messages/execute.js';
import { parse as parseCodec } from '../wire/messages/parse.js';
import { ProtocolViolation } from '../wire/protocol-violation.js';
import type { FrontendPorts } from './frontend-ports.js';
import {
  announceNames,
  exemptPrepared,
  expectedTarget,
  textThatRuns,
  unknownPrepared,
} from './exempt-names.js';
import type { TextDescriptions, Described } from './text-descriptions.js';
import type { StatementRun } from './statement-run.js';

const type = frontendTypes;
const nothing: Described = { auditText: '', shapeId: '', tags: {}, command: 'UNKNOWN' };
/** As of a text that the lexer does not take. */
const tooLong: Described = { ...nothing, auditText: '<not understood>' };

/** The first two strings of a Parse or Bind. Of a head they may be cut; the server looks at 63 bytes of a name. */
function leadingNames(frame: Buffer): [string, string] {
  if (isHead(frame)) {
    const [first = '', second = ''] = frame.toString('latin1', 5).split('\0', 2);
    return [first, second];
  }
  const body = openFrame(frame, 'bind');
  return [body.cstring(), body.cstring()];
}

export class ExemptFrontend implements FrameSink {
  private readonly to: FrontendPorts;
  private readonly texts: TextDescriptions;
  private begun: StatementRun | undefined;

  constructor(to: FrontendPorts, texts: TextDescriptions) {
    this.to = to;
    this.texts = texts;
  }

  bytes(buffer: Buffer): void {
    this.to.forward(buffer);
  }

  /** Nothing is in discardOversized for exempt sessions. */
  oversized(): readonly Buffer[] {
    return [];
  }

  message(messageType: number, frame: Buffer): Verdict {
    const { state } = this.to;
    if (messageType === type.terminate) {
      this.to.terminate();
      return 'stop';
    }
    if (state.answers.skipping && messageType !== type.sync) return 'pass';
    try {
      return this.follow(messageType, frame);
    } catch (error) {
      if (!(error instanceof ProtocolViolation)) throw error;
      // The server's to judge: it answers with an error, as it would to a Parse, and skips what follows to the next Sync.
      state.answers.push({
        kind: 'parse',
        change: undefined,
        swallow: false,
        poison: undefined,
        run: undefined,
      });
      return 'pass';
    }
  }

  private follow(messageType: number, frame: Buffer): Verdict {
    const { state } = this.to;
    switch (messageType) {
      case type.query: {
        const text = isHead(frame) ? tooLong : this.texts.describe(frame.subarray(5, frame.length - 1));
        const run = this.begin(text);
        if (run === 'hold') return 'hold';
        state.answers.push({ kind: 'query', runs: [run], single: true, text, at: 0 });
        break;
      }
      case type['function-call']: {
        const run = this.begin({ ...nothing, command: 'FUNCTION CALL' });
        if (run === 'hold') return 'hold';
        state.answers.push({ kind: 'query', runs: [run], single: true, at: 0 });
        break;
      }
      case type.parse: {
        const whole = isHead(frame) ? undefined : parseCodec.decode(openFrame(frame, 'parse'));
        const text = whole === undefined ? tooLong : this.texts.describe(whole.sql);
        const prepared = exemptPrepared(text, text.command);
        const statement = whole?.statement ?? leadingNames(frame)[0];
        const change = state.statements.announce(statement, prepared, state.batch);
        state.answers.push({ kind: 'parse', change, swallow: false, poison: undefined, run: undefined });
        break;
      }
      case type.bind: {
        const [portal, statement] = leadingNames(frame);
        const prepared = state.statements.expected(statement) ?? unknownPrepared;
        const change = state.portals.announce(
          portal,
          { prepared, transaction: 0, declared: false },
          state.batch,
        );
        state.answers.push({ kind: 'bind', statement, change });
        break;
      }
      case type.execute: {
        const { portal } = executeCodec.decode(openFrame(frame, 'execute'));
        const { text, command } = state.portals.expected(portal)?.prepared ?? unknownPrepared;
        const run = this.begin({ ...text, command });
        if (run === 'hold') return 'hold';
        state.answers.push({ kind: 'execute', portal, run });
        break;
      }
      case type.describe: {
        const { target, name } = describeCodec.decode(openFrame(frame, 'describe'));
        state.answers.push({ kind: 'describe', target, name, swallow: false });
        break;
      }
      case type.close: {
        const { target, name } = closeCodec.decode(openFrame(frame, 'close'));
        state.answers.push({
          kind: 'close',
          statement:
            target === 'statement' ? state.statements.announce(name, undefined, state.batch) : undefined,
          portal: target === 'portal' ? state.portals.announce(name, undefined, state.batch) : undefined,
          swallow: false,
        });
        break;
      }
      case type.sync:
        if (!state.copyIn) state.answers.push({ kind: 'sync' });
        break;
      case type['copy-done']:
      case type['copy-fail']:
        state.copyIn = false;
        break;
      default:
        break;
    }
    return 'pass';
  }

  private begin(text: Described): StatementRun | 'hold' {
    const waited = this.begun;
    if (waited !== undefined) {
      this.begun = undefined;
      return waited;
    }
    const { state } = this.to;
    const run = this.to.ledger.begin({
      text: textThatRuns(text, (use) => expectedTarget(use, state)),
      command: text.command,
      decision: 'forward',
      facts: undefined,
      source: undefined,
      ...announceNames(text, state),
    });
    if (run.ticket.ready === undefined) return run;
    this.begun = run;
    // Exempt sessions are the DBA's way in when the audit disk is full, so a failed intent does not stop them.
    const go = (): undefined => undefined;
    return this.to.hold.until(run.ticket.ready, go, go);
  }
}
