/** Of the text that `renderMetrics` gives. */
export const METRICS_CONTENT_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

/** One metric, under one name, with what it shows at this moment. */
export interface Metric {
  readonly name: string;
  readonly help: string;
  readonly type: 'counter' | 'gauge' | 'histogram';
  samples(): readonly Sample[];
}

export interface Sample {
  /** After the metric's name, such as `_sum`. */
  readonly suffix?: string;
  readonly labels?: Readonly<Record<string, string>>;
  /** Finite. */
  readonly value: number;
}

/** Prometheus' text exposition format 0.0.4: each metric with its HELP and TYPE, a blank line between two. */
export function renderMetrics(metrics: readonly Metric[]): string {
  return `${metrics.map(renderMetric).join('\n\n')}\n`;
}

function renderMetric(metric: Metric): string {
  const { name, help, type } = metric;
  const lines = metric
    .samples()
    .map(({ suffix = '', labels, value }) => `${name}${suffix}${renderLabels(labels)} ${value}`);
  return [`# HELP ${name} ${escapeText(help)}`, `# TYPE ${name} ${type}`, ...lines].join('\n');
}

function renderLabels(labels: Sample['labels'] = {}): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escapeText(value).replaceAll('"', '\\"')}"`);
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`;
}

function escapeText(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n');
}
