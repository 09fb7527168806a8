import type { OutboxEntry, Rejection, RecordKey, Store, StoredRecord, StoreMeta, StoreTransaction } from "./store.js";

const version = 1;
const stores = ["meta", "records", "outbox", "rejections", "values"];

/** Everything in one IndexedDB database of the origin. Tabs that open the same name share it. */
export class IndexedDbStore implements Store {
  private constructor(readonly sharedName: string, private readonly database: IDBDatabase) {}

  /** @param name one for each user and app: whoever signs in next must not find the data of the last. */
  static async open(name: string): Promise<IndexedDbStore> {
    const request = indexedDB.open(name, version);
    request.onupgradeneeded = () => {
      const database = request.result;
      database.createObjectStore("meta");
      const records = database.createObjectStore("records", { keyPath: ["space", "table", "id"] });
      records.createIndex("table", "table");
      records.createIndex("id", ["table", "id"]);
      records.createIndex("generation", "generation");
      database.createObjectStore("outbox", { keyPath: "seq" });
      database.createObjectStore("rejections", { keyPath: "id" });
      database.createObjectStore("values");
    };
    const database = await done(request);
    // Another tab wants to delete or upgrade it: a tab that held on would block it for ever.
    database.onversionchange = () => database.close();
    return new IndexedDbStore(name, database);
  }

  async transact<T>(mode: "readonly" | "readwrite", work: (tx: StoreTransaction) => Promise<T>): Promise<T> {
    const transaction = this.database.transaction(stores, mode, mode === "readwrite" ? { durability: "strict" } : {});
    const ended = new Promise<void>((resolve, reject) => {
      transaction.oncomplete = () => resolve();
      transaction.onabort = () => reject(transaction.error ?? new Error("The transaction was taken back."));
    });
    ended.catch(() => undefined);
    let result: T;
    try {
      result = await work(new IndexedDbTransaction(transaction));
    } catch (error) {
      try {
        transaction.abort();
      } catch {
        // It has ended by itself.
      }
      throw error;
    }
    await ended;
    return result;
  }

  async close(): Promise<void> {
    this.database.close();
  }

  async destroy(): Promise<void> {
    this.database.close();
    await done(indexedDB.deleteDatabase(this.sharedName));
  }
}

class IndexedDbTransaction implements StoreTransaction {
  constructor(private readonly transaction: IDBTransaction) {}

  meta(): Promise<StoreMeta | undefined> {
    return done(this.of("meta").get("meta")) as Promise<StoreMeta | undefined>;
  }

  async putMeta(meta: StoreMeta): Promise<void> {
    await done(this.of("meta").put(meta, "meta"));
  }

  record(key: RecordKey): Promise<StoredRecord | undefined> {
    return done(this.of("records").get([key.space, key.table, key.id])) as Promise<StoredRecord | undefined>;
  }

  async putRecord(record: StoredRecord): Promise<void> {
    await done(this.of("records").put(record));
  }

  async deleteRecord(key: RecordKey): Promise<void> {
    await done(this.of("records").delete([key.space, key.table, key.id]));
  }

  recordsOf(table: string): Promise<StoredRecord[]> {
    return done(this.of("records").index("table").getAll(table)) as Promise<StoredRecord[]>;
  }

  recordsWithId(table: string, id: string): Promise<StoredRecord[]> {
    return done(this.of("records").index("id").getAll([table, id])) as Promise<StoredRecord[]>;
  }

  allRecords(): Promise<StoredRecord[]> {
    return done(this.of("records").getAll()) as Promise<StoredRecord[]>;
  }

  async deleteSpace(space: string): Promise<void> {
    // An array is greater than every text, so this is every key that begins with the space.
    await done(this.of("records").delete(IDBKeyRange.bound([space], [space, []])));
  }

  async deleteBefore(generation: number): Promise<void> {
    const keys = await done(this.of("records").index("generation").getAllKeys(IDBKeyRange.upperBound(generation, true)));
    for (const key of keys) await done(this.of("records").delete(key));
  }

  outbox(): Promise<OutboxEntry[]> {
    return done(this.of("outbox").getAll()) as Promise<OutboxEntry[]>;
  }

  async putEntry(entry: OutboxEntry): Promise<void> {
    await done(this.of("outbox").put(entry));
  }

  async deleteEntry(seq: number): Promise<void> {
    await done(this.of("outbox").delete(seq));
  }

  rejections(): Promise<Rejection[]> {
    return done(this.of("rejections").getAll()) as Promise<Rejection[]>;
  }

  async putRejection(rejection: Rejection): Promise<void> {
    await done(this.of("rejections").put(rejection));
  }

  async deleteRejection(id: number): Promise<void> {
    await done(this.of("rejections").delete(id));
  }

  value(name: string): Promise<unknown> {
    return done(this.of("values").get(name));
  }

  async putValue(name: string, value: unknown): Promise<void> {
    await done(this.of("values").put(value, name));
  }

  async deleteValues(prefix: string): Promise<void> {
    await done(this.of("values").delete(IDBKeyRange.bound(prefix, prefix + "\uffff")));
  }

  private of(name: string): IDBObjectStore {
    return this.transaction.objectStore(name);
  }
}

function done<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error ?? new Error("IndexedDB failed without a reason."));
  });
}
