import Control
import Logging
import ProducerInterface
import StreamRuntime

/// Logs what became of all streams. Any thread.
struct LedgerLog: Sendable {
    let figures: FiguresGatherer
    let logger: Logger

    /// One line for each producer and generation, and one for the generations of a producer that are over: when nothing is open,
    /// opens equal closes. `leaves` are the subscribers of its shared streams.
    /// - Parameter generations: those that there were at an earlier moment; `nil`: those that there are.
    func write(_ generations: GenerationList? = nil) {
        let figures = figures.totals(of: generations ?? figures.reloader.generations)
        for generation in figures.runtime.generations {
            for producer in generation.producers { write(producer, generation.number) }
        }
        for past in figures.runtime.past {
            logger.info(
                "ledger of earlier generations",
                metadata: [
                    "plugin": "\(past.plugin)", "producer": "\(past.producer)", "generations": "\(past.generations)",
                    "opens": "\(past.opens)", "closes": "\(past.closes)", "reasons": "\(text(of: past.reasons))",
                    "leaves": "\(text(of: past.leaves))",
                ])
        }
        writeTotals(figures)
    }

    private func write(_ producer: ProducerFigures, _ generation: Int) {
        let ledger = producer.ledger
        logger.info(
            "ledger",
            metadata: [
                "plugin": "\(producer.description.plugin)", "producer": "\(producer.description.name)",
                "generation": "\(generation)", "opens": "\(ledger.opens)",
                "closes": "\(ledger.closes)", "open": "\(ledger.open)", "reasons": "\(text(of: ledger.reasons))",
                "leaves": "\(text(of: producer.leaves))",
                "late_calls": "\(producer.callbacks.late)", "dropped": "\(producer.callbacks.dropped)",
                "superseded": "\(producer.supersededEvents)",
            ])
    }

    private func writeTotals(_ figures: ServerFigures) {
        let (functions, connections) = (figures.functions, figures.connections)
        let (streams, hubs) = (figures.runtime.streams, figures.runtime.hubs)
        logger.info(
            "totals",
            metadata: [
                "functions": "\(functions.live)", "tombstones": "\(functions.tombstones)",
                "function_bytes": "\(functions.bytes)",
                "open_streams": "\(streams.open)", "shared_streams": "\(hubs.open)", "threads": "\(streams.threads)",
                "stuck": "\(streams.stuck)", "hanging_calls": "\(figures.runtime.hangingCalls.count)",
                "refused": "\(streams.refusedRequests)", "evicted": "\(hubs.evicted)",
                "connections": "\(connections.open)", "turned_away": "\(connections.turnedAway)",
                "made_room": "\(connections.madeRoom)", "arriving_bytes": "\(connections.arrivingBytes)",
                "kept_request_bytes": "\(streams.keptRequestBytes)",
            ])
    }

    private func text(of counts: [CloseReason: Int]) -> String {
        counts.sorted { $0.key.rawValue < $1.key.rawValue }.map { "\($0.key.name)=\($0.value)" }
            .joined(separator: " ")
    }
}
