// rows: the new rows of an SQLite table, each an event with its rowid as ID. A subscriber that reconnects gets those
// added meanwhile.
import CSQLite
import Sluice

struct Rows: PollingProducer {
    static let summary = "The new rows of a table"
    static let options: ProducerOptions = [.shared, .resumable, .blocking]
    @Parameter(min: 0.01, max: 3600) var poll = 0.25
    private var database: OpaquePointer?
    private var query: OpaquePointer?
    private var last: Int64 = 0

    mutating func open(_ request: Request) throws {
        guard let file = request.config("database"), let table = request.config("table") else {
            throw Reject(status: 403, message: "rows: \"database\" and \"table\" are not configured")
        }
        do { try connect(to: file, table, behind: request.lastEventID.flatMap(Int64.init)) } catch {
            finalize(.failed)
            throw error
        }
    }

    private mutating func connect(to file: String, _ table: String, behind id: Int64?) throws {
        guard sqlite3_open_v2(file, &database, SQLITE_OPEN_READONLY, nil) == SQLITE_OK,
            sqlite3_prepare_v2(database, "SELECT max(rowid) FROM \"\(table)\"", -1, &query, nil) == SQLITE_OK,
            sqlite3_step(query) == SQLITE_ROW
        else { throw failure }
        last = id ?? sqlite3_column_int64(query, 0)
        sqlite3_finalize(query)
        let text = "SELECT rowid, * FROM \"\(table)\" WHERE rowid > ?1 ORDER BY rowid LIMIT 1"
        guard sqlite3_prepare_v2(database, text, -1, &query, nil) == SQLITE_OK else { throw failure }
    }

    mutating func next() throws -> Step {
        defer { sqlite3_reset(query) }
        sqlite3_bind_int64(query, 1, last)
        let answer = sqlite3_step(query)
        if answer == SQLITE_DONE || answer == SQLITE_BUSY { return .wait(.seconds(poll)) }
        guard answer == SQLITE_ROW else { throw failure }
        last = sqlite3_column_int64(query, 0)
        let row = (1..<sqlite3_column_count(query)).map { column in
            (String(cString: sqlite3_column_name(query, column)), sqlite3_column_text(query, column))
        }
        let texts = Dictionary(row.map { ($0, $1.map { String(cString: $0) }) }) { $1 }
        return .event(try MessageEvent(json: texts, id: "\(last)"))
    }

    mutating func finalize(_ reason: CloseReason) {
        sqlite3_finalize(query)
        sqlite3_close_v2(database)
    }

    private var failure: StreamFailure {
        Log.plugin.error("rows: \(String(cString: sqlite3_errmsg(database)))")
        return StreamFailure("the database does not answer")
    }
}
@c(sluice_plugin_entry)
public func entry(_ host: UnsafePointer<sluice_host>) -> UnsafePointer<sluice_plugin>? { export(Rows.self, to: host) }
