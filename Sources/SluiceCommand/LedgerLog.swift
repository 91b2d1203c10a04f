import Control
import Logging
import ProducerInterface
import StreamRuntime

/// Logs the counts of all streams. Any thread.
struct LedgerLog: Sendable {
    let figures: FiguresGatherer
    let logger: Logger

    /// Logs one line for each producer and generation, and one for a producer's past generations. When no stream is
    /// open, opens equals closes. `leaves` counts the subscribers that left its shared streams.
    /// - Parameter generations: a list from an earlier moment; `nil`: the current ones.
    func write(_ generations: GenerationList? = nil) {
        let figures = figures.totals(of: generations ?? figures.reloader.generations)
        for generation in figures.runtime.generations {
            for producer in generation.producers { write(producer, generation.number) }
        }
        for past in figures.runtime.past {
            logger.info(
                "ledger of earlier generations",
                metadata: [
                    "plugin": "\(past.plugin)", "producer": "\(past.producer)",
                    "generations": .stringConvertible(past.generations),
                    "opens": .stringConvertible(past.opens), "closes": .stringConvertible(past.closes),
                    "reasons": "\(text(of: past.reasons))",
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
                "generation": .stringConvertible(generation), "opens": .stringConvertible(ledger.opens),
                "closes": .stringConvertible(ledger.closes), "open": .stringConvertible(ledger.open),
                "reasons": "\(text(of: ledger.reasons))",
                "leaves": "\(text(of: producer.leaves))",
                "late_calls": .stringConvertible(producer.callbacks.late),
                "dropped": .stringConvertible(producer.callbacks.dropped),
                "superseded": .stringConvertible(producer.supersededEvents),
            ])
    }

    private func writeTotals(_ figures: ServerFigures) {
        let (functions, connections) = (figures.functions, figures.connections)
        let (streams, hubs) = (figures.runtime.streams, figures.runtime.hubs)
        logger.info(
            "totals",
            metadata: [
                "functions": .stringConvertible(functions.live), "tombstones": .stringConvertible(functions.tombstones),
                "function_bytes": .stringConvertible(functions.bytes),
                "open_streams": .stringConvertible(streams.open), "shared_streams": .stringConvertible(hubs.open),
                "threads": .stringConvertible(streams.threads),
                "stuck": .stringConvertible(streams.stuck),
                "hanging_calls": .stringConvertible(figures.runtime.hangingCalls.count),
                "refused": .stringConvertible(streams.refusedRequests), "evicted": .stringConvertible(hubs.evicted),
                "connections": .stringConvertible(connections.open),
                "turned_away": .stringConvertible(connections.turnedAway),
                "made_room": .stringConvertible(connections.madeRoom),
                "arriving_bytes": .stringConvertible(connections.arrivingBytes),
                "kept_request_bytes": .stringConvertible(streams.keptRequestBytes),
            ])
    }

    private func text(of counts: [CloseReason: Int]) -> String {
        counts.sorted { $0.key.rawValue < $1.key.rawValue }.map { "\($0.key.name)=\($0.value)" }
            .joined(separator: " ")
    }
}
