/** The domain structs as the API sends them. tests/console/test_types.py holds every field against `mainstay.domain`. */
export type Severity = 'critical' | 'major' | 'minor' | 'info';
export type UserRole = 'viewer' | 'responder' | 'approver' | 'admin';

export interface VersionRef { model: string; version: number }
export interface Band { low: number; high: number; value: number; unit: string }
export interface Evidence {
  id: string; kind: 'metric' | 'edge' | 'log' | 'change' | 'alert' | 'silence';
  ref: string; says: string; at_ms: number; weight: number;
}
export interface Withheld {
  by: 'silence' | 'maintenance' | 'dependency'; ref: string; why: string; decided_by: VersionRef;
  until_ms: number | null;
}
export interface Alert {
  withheld: Withheld | null; tier: number | null; owner: string | null; environment: string;
  priority: 'P1' | 'P2' | 'P3' | 'P4' | 'P5' | null; priority_why: string[];
  id: string; fingerprint: string; entity: string; name: string; severity: Severity; status: 'firing' | 'resolved';
  since_ms: number; at_ms: number; decided_by: VersionRef; tenant: string; ended_ms: number | null; source: string;
  subject: string; signal: string; summary: string; channel: string; band: Band | null; p_value: number | null;
  labels: Record<string, string>; suppressed: boolean; suppressed_why: string; suppressed_by: string; generator_url: string;
}
export interface LearnedBar {
  id: string; entity: string; name: string; channel: string; judged: number; needed: number; alert: string;
  verdict: string; by: string; at_ms: number; held: number; last_ms: number | null;
}
export interface Explanation {
  expected: string; came: string; since_ms: number; rarity: string; channel: string; decided_by: string;
  held_back: string; learned: LearnedBar | null; learned_says: string; if_wrong: string;
}
export interface Suspect {
  entity: string; cause: string; probability: number; decided_by: VersionRef;
  change: string | null; evidence: string[]; says: string;
}
export interface RiskPart { name: string; points: number; says: string }
export interface Risk { score: number; parts: RiskPart[] }
export interface TimelineEntry {
  at_ms: number; kind: 'signal' | 'alert' | 'change' | 'decision' | 'action' | 'verdict' | 'page';
  says: string; ref: string; decided_by: VersionRef | null;
}
export interface Grouping { alert: string; at_ms: number; why: string; decided_by: VersionRef }
export interface Ending {
  cause: string; entity: string; judged: string; right: string; runbook: string; recovery_s: number | null;
}
export interface SimilarIncident {
  id: string; title: string; since_ms: number; score: number; text: number; structure: number;
  decided_by: VersionRef; shared: string[]; ending: Ending; says: string; entry: string;
}
export interface Incident {
  similar: SimilarIncident[];
  withheld: Withheld | null;
  more_alerts: number;
  id: string; status: 'open' | 'acknowledged' | 'resolved' | 'merged'; severity: Severity; title: string;
  since_ms: number; opened_ms: number; updated_ms: number; decided_by: VersionRef; tenant: string;
  resolved_ms: number | null; summary: string; groupings: Grouping[]; entities: string[]; suspects: Suspect[];
  evidence: Evidence[]; critical_failure: string; impact: string[]; risk: Risk | null; timeline: TimelineEntry[];
  acknowledged_by: string; merged_into: string;
}
/** What a list holds: an incident without what only its own page shows. */
export type IncidentLine = Omit<Incident, 'summary' | 'groupings' | 'evidence' | 'impact' | 'timeline' | 'similar'>;
export interface Change {
  id: string; at_ms: number; kind: string; subject: string; entity: string; tenant: string; environment: string;
  version: string; previous_version: string; author: string; summary: string; source: string; by_mainstay: boolean;
  size: number; outcome: string;
}
export interface Step { name: string; action: string; with: Record<string, unknown>; timeout_s: number }
export interface Verify { within_s: number; quiet_s: number; entity: string | null }
export interface Runbook {
  name: string; title: string; causes: string[]; steps: Step[]; verify: Verify; description: string;
  min_probability: number; needs_change: boolean; parameters: Record<string, string>; undo: Step[];
  risk_class: string; enabled: boolean;
}
export interface Plan {
  id: string; incident: string; runbook: string; title: string; parameters: Record<string, string>;
  targets: string[]; steps: Step[]; undo: Step[]; verify: Verify; risk_class: string; decided_by: VersionRef;
  created_ms: number; requested_by: string; tenant: string; status: string; reason: string; dry_run: string[];
  outcome: string; updated_ms: number; suspect: string; asks: string[];
}
export interface Approval {
  id: string; plan: string; digest: string; decision: 'approved' | 'rejected'; by: string; at_ms: number;
  expires_ms: number; comment: string; used_ms: number | null;
}
export interface StepResult {
  plan: string; index: number; phase: 'do' | 'undo' | 'verify'; name: string;
  status: 'started' | 'succeeded' | 'failed' | 'unknown' | 'skipped'; at_ms: number; says: string; output: string;
}
export interface Entity {
  id: string; kind: string; name: string; environment: string; tenant: string; tier: number | null;
  owner: string | null; objective: number | null; latency_ms: number | null; attributes: Record<string, string>;
}
export interface Edge { caller: string; callee: string; seen_ms: number }
export interface ModelVersion {
  ref: VersionRef; kind: string; algorithm: string; artefact: string; parameters: Record<string, unknown>;
  dataset: string; code_version: string; parent: VersionRef | null; metrics: Record<string, number>;
  created_ms: number; created_by: string; why: string; attestation: string;
  feature_view: string; experiment: string; seed: number;
}
export interface Deployment {
  kind: string; scope: string; live: VersionRef; shadow: VersionRef | null; previous: VersionRef | null; since_ms: number;
  canary: VersionRef | null; share: number; shadow_until_ms: number; live_since_ms: number;
}
export interface LedgerEntry {
  seq: number; id: string; kind: string; at_ms: number; actor: string; subject: string;
  output: Record<string, unknown>; rests_on: string[]; inputs_digest: string; previous: string; hash: string;
}
export interface User { name: string; role: UserRole; created_ms: number; disabled: boolean }
export interface Verdict {
  id: string; kind: string; subject: string; by: string; at_ms: number; tenant: string; target: string;
  comment: string; about: VersionRef[]; since_ms: number | null;
}
export interface Watching { series: number; entities: number; services: number; since_ms: number }
export interface Funnel {
  since_ms: number; signals: number; anomalies: number; alerts: number; incidents: number; not_paged: number;
}
export interface StageHealth { name: string; is_ok: boolean; lag_s: number; last_ok_ms: number; errors: number; says: string }
export interface SourceHealth { source: string; requests: number; records: number; refused: number; series_refused: number; last_ms: number; says: string }
export interface Status {
  version: string; now_ms: number; started_ms: number; watching: Watching; funnel: Funnel; stages: StageHealth[];
  sources: SourceHealth[]; inbox_records: Record<string, number>; inbox_bytes: Record<string, number>; unplaced: number;
  refused: number; decided_seq: number; disk_bytes: number; is_ready: boolean; not_ready_why: string;
}
export interface Reperformed {
  entry: string; decided_by: VersionRef; is_same: boolean; recorded: Record<string, unknown>;
  output: Record<string, unknown>; says: string;
}
export interface Rate { hits: number; n: number; value: number | null; low: number | null; high: number | null; says: string }
export interface Score {
  ref: VersionRef; right: number; wrong: number; missed: number; precision: Rate; recall: Rate; says: string;
}
/** As `mainstay.api` sends them beside the domain's own. */
export interface SeriesView { id: string; entity: string; metric: string; unit: string; direction: string; labels: Record<string, string> }
