import FrontDoor
import Logging
import PluginHost
import ProducerInterface
import StreamRuntime

/// Logs what became of all streams. Any thread.
struct LedgerLog: Sendable {
    let runtime: Runtime
    let reloader: Reloader
    let door: Server
    let logger: Logger

    /// One line for each producer and generation, and one for the generations of a producer that are over: when nothing is open,
    /// opens equal closes. `leaves` are the subscribers of its shared streams.
    func write() { account().write() }

    /// What there is to be told, with the numbers of the moment when it is told.
    func account() -> Account {
        Account(log: self, entries: reloader.allEntries, past: reloader.pastLedgers)
    }

    struct Account {
        fileprivate let log: LedgerLog
        fileprivate let entries: [ProducerEntry]
        fileprivate let past: [PastLedger]

        func write() { log.write(entries, past) }
    }

    private func write(_ entries: [ProducerEntry], _ past: [PastLedger]) {
        for entry in entries {
            let ledger = entry.ledger
            let calls = CallbackFigures.calls(of: entry.producer)
            logger.info(
                "ledger",
                metadata: [
                    "plugin": "\(entry.description.plugin)", "producer": "\(entry.description.name)",
                    "generation": "\(entry.generation.number)", "opens": "\(ledger.opens)",
                    "closes": "\(ledger.closes)", "open": "\(ledger.open)", "reasons": "\(text(of: ledger.reasons))",
                    "leaves": "\(text(of: entry.leavesByReason))",
                    "late_calls": "\(calls.late)", "dropped": "\(calls.dropped)",
                    "superseded": "\(entry.supersededEvents)",
                ])
        }
        for past in past {
            logger.info(
                "ledger of earlier generations",
                metadata: [
                    "plugin": "\(past.plugin)", "producer": "\(past.producer)", "generations": "\(past.generations)",
                    "opens": "\(past.opens)", "closes": "\(past.closes)", "reasons": "\(text(of: past.reasons))",
                    "leaves": "\(text(of: past.leaves))",
                ])
        }
        let functions = CallbackFigures.functions
        logger.info(
            "totals",
            metadata: [
                "functions": "\(functions.live)", "tombstones": "\(functions.tombstones)",
                "function_bytes": "\(functions.bytes)",
                "open_streams": "\(runtime.openStreams)", "threads": "\(runtime.usedThreads)",
                "stuck": "\(runtime.stuckStreams)", "hanging_calls": "\(runtime.hangingCalls.count)",
                "refused": "\(runtime.refusedRequests)", "evicted": "\(runtime.evictedHubs)",
                "connections": "\(door.connectionCount)", "turned_away": "\(door.turnedAwayCount)",
                "made_room": "\(door.madeRoomCount)", "arriving_bytes": "\(door.arrivingBytes)",
                "kept_request_bytes": "\(runtime.keptRequestBytes)",
            ])
    }

    private func text(of counts: [CloseReason: Int]) -> String {
        counts.sorted { $0.key.rawValue < $1.key.rawValue }.map { "\($0.key.name)=\($0.value)" }
            .joined(separator: " ")
    }
}
