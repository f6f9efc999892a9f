import { describeError } from '../../common/errors.ts';
import { compilePathPattern } from '../../common/match/path-pattern.ts';
import { compileCondition } from '../conditions/compile.ts';
import type { Resource } from '../resources/kinds.ts';
import { compileCel } from './cel.ts';

export interface ResourceFault {
  readonly field: string;
  readonly message: string;
}

/** What a resource's shape cannot show: expressions, time windows and patterns that do not compile. For `apply`. */
export function checkResource(resource: Resource): ResourceFault[] {
  switch (resource.kind) {
    case 'ClientWorkload': {
      const { condition } = resource.spec;
      return condition === undefined ? [] : attempt('spec.condition', () => checkWorkloadCondition(condition));
    }
    case 'AccessCondition': {
      const { spec } = resource;
      return attempt(spec.type === 'cel' ? 'spec.expression' : 'spec', () => void compileCondition(spec));
    }
    case 'AccessPolicy':
      return (resource.spec.rules ?? []).flatMap((rule, index) =>
        (rule.paths ?? []).flatMap((path, at) =>
          attempt(`spec.rules[${index}].paths[${at}]`, () => void compilePathPattern(path)),
        ),
      );
    default:
      return [];
  }
}

function checkWorkloadCondition(expression: string): void {
  if (compileCel(expression).readsRequest) throw new Error('a client workload cannot read the request');
}

function attempt(field: string, run: () => void): ResourceFault[] {
  try {
    run();
    return [];
  } catch (error) {
    return [{ field, message: describeError(error) }];
  }
}
