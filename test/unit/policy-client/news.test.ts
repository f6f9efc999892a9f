import { expect, it } from 'vitest';
import { News } from '../../../policy-client/news.ts';

const AWAY = 'control-plane-unavailable';

it('a cause that changes within an outage is told: a control plane that comes back with another authority', () => {
  const news = new News();
  const tell = (words: string): boolean => news.isNews(AWAY, words);
  expect(tell('connect ECONNREFUSED 10.0.0.1:7443')).toBe(true);
  expect(tell('connect ECONNREFUSED 10.0.0.2:7443')).toBe(false);
  expect(tell('unable to verify the first certificate')).toBe(true);
  expect(tell('connect ECONNREFUSED 10.0.0.1:7443')).toBe(false);
  news.clear();
  expect(tell('unable to verify the first certificate')).toBe(true);
});

it('causes without end are not', () => {
  const news = new News();
  const told = [...'abcdefghijklmnopqrstuvwxyz'].filter((words) => news.isNews(AWAY, words));
  expect(told).toEqual(['a', 'b', 'c', 'd']);
  expect(news.isNews('workload-unknown', 'a')).toBe(true);
});
