import { keyText, type OutboxEntry, type Rejection, type RecordKey, type Store, type StoredRecord, type StoreMeta, type StoreTransaction } from "./store.js";

/** Everything in memory, for Node and for tests; {@link dump} and {@link load} carry it over a restart. */
export class MemoryStore implements Store {
  readonly sharedName = null;
  private readonly tables: Tables = { meta: new Map(), records: new Map(), outbox: new Map(), rejections: new Map(), values: new Map() };
  private last: Promise<unknown> = Promise.resolve();

  transact<T>(_mode: "readonly" | "readwrite", work: (tx: StoreTransaction) => Promise<T>): Promise<T> {
    const run = this.last.then(async () => {
      const tx = new MemoryTransaction(this.tables);
      try {
        return await work(tx);
      } catch (error) {
        tx.undo();
        throw error;
      }
    });
    this.last = run.catch(() => undefined);
    return run;
  }

  async close(): Promise<void> {
    await this.last;
  }

  async destroy(): Promise<void> {
    await this.last;
    for (const table of Object.values(this.tables)) table.clear();
  }

  /** All of it as text, keys apart: they cannot be exported. */
  dump(): string {
    const plain = { ...this.tables, values: new Map([...this.tables.values].filter(([name]) => name !== "device" && !name.startsWith("key:"))) };
    return JSON.stringify(plain, (_, value: unknown) => (value instanceof Map ? { $map: [...value] } : value));
  }

  static load(dump: string): MemoryStore {
    const store = new MemoryStore();
    const tables = JSON.parse(dump, (_, value: unknown) =>
      typeof value === "object" && value !== null && "$map" in value ? new Map(value.$map as [unknown, unknown][]) : value) as Record<string, Map<never, unknown>>;
    for (const [name, table] of Object.entries(store.tables)) tables[name]?.forEach((value, key) => table.set(key, value));
    return store;
  }
}

interface Tables {
  readonly meta: Map<string, unknown>;
  readonly records: Map<string, unknown>;
  readonly outbox: Map<number, unknown>;
  readonly rejections: Map<number, unknown>;
  readonly values: Map<string, unknown>;
}

class MemoryTransaction implements StoreTransaction {
  private readonly log: (() => void)[] = [];

  constructor(private readonly tables: Tables) {}

  async meta(): Promise<StoreMeta | undefined> {
    return this.tables.meta.get("meta") as StoreMeta | undefined;
  }

  async putMeta(meta: StoreMeta): Promise<void> {
    this.set(this.tables.meta, "meta", meta);
  }

  async record(key: RecordKey): Promise<StoredRecord | undefined> {
    return this.tables.records.get(keyText(key)) as StoredRecord | undefined;
  }

  async putRecord(record: StoredRecord): Promise<void> {
    this.set(this.tables.records, keyText(record), record);
  }

  async deleteRecord(key: RecordKey): Promise<void> {
    this.set(this.tables.records, keyText(key), undefined);
  }

  async recordsOf(table: string): Promise<StoredRecord[]> {
    return (await this.allRecords()).filter((record) => record.table === table);
  }

  async recordsWithId(table: string, id: string): Promise<StoredRecord[]> {
    return (await this.allRecords()).filter((record) => record.table === table && record.id === id);
  }

  async allRecords(): Promise<StoredRecord[]> {
    return [...this.tables.records.values()] as StoredRecord[];
  }

  async deleteSpace(space: string): Promise<void> {
    for (const record of await this.allRecords()) if (record.space === space) await this.deleteRecord(record);
  }

  async deleteBefore(generation: number): Promise<void> {
    for (const record of await this.allRecords()) if (record.generation < generation) await this.deleteRecord(record);
  }

  async outbox(): Promise<OutboxEntry[]> {
    return ([...this.tables.outbox.values()] as OutboxEntry[]).sort((a, b) => a.seq - b.seq);
  }

  async putEntry(entry: OutboxEntry): Promise<void> {
    this.set(this.tables.outbox, entry.seq, entry);
  }

  async deleteEntry(seq: number): Promise<void> {
    this.set(this.tables.outbox, seq, undefined);
  }

  async rejections(): Promise<Rejection[]> {
    return ([...this.tables.rejections.values()] as Rejection[]).sort((a, b) => a.id - b.id);
  }

  async putRejection(rejection: Rejection): Promise<void> {
    this.set(this.tables.rejections, rejection.id, rejection);
  }

  async deleteRejection(id: number): Promise<void> {
    this.set(this.tables.rejections, id, undefined);
  }

  async value(name: string): Promise<unknown> {
    return this.tables.values.get(name);
  }

  async putValue(name: string, value: unknown): Promise<void> {
    this.set(this.tables.values, name, value);
  }

  async deleteValues(prefix: string): Promise<void> {
    for (const name of [...this.tables.values.keys()]) if (name.startsWith(prefix)) this.set(this.tables.values, name, undefined);
  }

  undo(): void {
    for (const back of this.log.reverse()) back();
  }

  private set<K>(table: Map<K, unknown>, key: K, value: unknown): void {
    const before = table.get(key);
    this.log.push(() => (before === undefined ? table.delete(key) : table.set(key, before)));
    if (value === undefined) table.delete(key);
    else table.set(key, value);
  }
}
