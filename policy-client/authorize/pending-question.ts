import type { AskPort } from './authorizer-options.ts';
import type { PolicyName } from '../watch/policy-name.ts';
import type { Answer, Question } from '../types.ts';

/** A question that has been put and not been answered. */
export interface Pending {
  readonly id: number;
  question: Question;
  readonly resolve: (answer: Answer) => void;
  readonly timer: NodeJS.Timeout;
  key: string;
  port: AskPort | undefined;
  attempts: number;
  /** Of the snapshot by whose route it was last asked. */
  policy: PolicyName;
  /** The cache's, when it was last asked. */
  denialEra: number;
  /** The control plane has said that another snapshot is needed to ask it. */
  isBehind: boolean;
}
