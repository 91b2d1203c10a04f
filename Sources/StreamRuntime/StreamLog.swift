import Logging
import ProducerInterface
import SystemCalls

/// The lines that streams write to the log: one each for open and close, and one for each problem.
struct StreamLog: Sendable {
    let logger: Logger

    private func identity(_ token: StreamToken?, _ entry: ProducerEntry) -> Logger.Metadata {
        var metadata: Logger.Metadata = [
            "plugin": "\(entry.description.plugin)", "producer": "\(entry.description.name)",
            "generation": .stringConvertible(entry.generation.number),
        ]
        if let token { metadata["stream"] = "\(token)" }
        return metadata
    }

    /// - Parameter opening: `nil` for the stream of a hub.
    func opened(_ token: StreamToken, _ entry: ProducerEntry, from opening: Opening?) {
        begun("stream opened", token, entry, opening)
    }

    func joined(_ token: StreamToken, _ entry: ProducerEntry, from opening: Opening?) {
        begun("subscriber joined", token, entry, opening)
    }

    private func begun(_ message: Logger.Message, _ token: StreamToken, _ entry: ProducerEntry, _ opening: Opening?) {
        guard logger.logLevel <= .info else { return }
        var metadata = identity(token, entry)
        metadata["address"] = "\(opening?.peer ?? "shared")"
        if let path = opening?.path, !path.isEmpty { metadata["path"] = "\(path)" }
        logger.info(message, metadata: metadata)
    }

    func left(_ token: StreamToken, _ entry: ProducerEntry, reason: CloseReason, duration: Nanoseconds) {
        guard logger.logLevel <= .info else { return }
        logger.info(
            "subscriber left",
            metadata: identity(token, entry).merging([
                "reason": "\(reason.name)", "duration_ms": .stringConvertible(duration / 1_000_000),
            ]) { $1 })
    }

    func hubExceeds(_ limit: String, _ entry: ProducerEntry) {
        logger.warning(
            "shared stream not opened: a limit is reached",
            metadata: identity(nil, entry).merging(["limit": "\(limit)"]) { $1 })
    }

    func evicted(_ hub: Hub) {
        logger.info(
            "shared stream closed: it has no subscribers, and another stream needs its place",
            metadata: identity(nil, hub.entry).merging([
                "parameters": "\(hub.key.parameters.prefix(200))", "limit": "max-hubs-per-producer",
            ]) { $1 })
    }

    func overtaken(_ token: StreamToken, _ entry: ProducerEntry) {
        logger.info("subscriber fell behind the history; disconnected", metadata: identity(token, entry))
    }

    func closed(
        _ token: StreamToken, _ entry: ProducerEntry, reason: CloseReason, duration: Nanoseconds, events: Int,
        bytes: Int
    ) {
        guard logger.logLevel <= .info else { return }
        logger.info(
            "stream closed",
            metadata: identity(token, entry).merging([
                "reason": "\(reason.name)", "duration_ms": .stringConvertible(duration / 1_000_000),
                "events": .stringConvertible(events),
                "bytes": .stringConvertible(bytes),
            ]) { $1 })
    }

    func rejected(_ token: StreamToken, _ entry: ProducerEntry, status: Int, message: String) {
        logger.info(
            "stream rejected by its producer",
            metadata: identity(token, entry).merging(["status": .stringConvertible(status), "message": "\(message)"]) {
                $1
            })
    }

    /// - Parameter text: logged in full, because the subscriber only gets the stream's code.
    func failed(_ token: StreamToken, _ entry: ProducerEntry, _ text: String, during function: String) {
        logger.error(
            "stream failed",
            metadata: identity(token, entry).merging(["error": "\(text)", "during": "\(function)", "code": "\(token)"])
            { $1 })
    }

    /// - Parameter penalty: for how long its streams get threads; `nil`: the producer does not stall habitually yet.
    func stalled(
        _ entry: ProducerEntry, _ function: String, _ stall: StallWatch.Stall, limit: Nanoseconds, penalty: Nanoseconds?
    ) {
        let consequence = penalty.map { "; its streams run on threads for the next \($0 / 1_000_000_000) s" } ?? ""
        logger.warning(
            "producer stalls its loop despite SLUICE_NONBLOCKING\(consequence)",
            metadata: identity(nil, entry).merging([
                "function": "\(function)", "took_ms": .stringConvertible(stall.elapsed / 1_000_000),
                "processor_ms": .stringConvertible(stall.processorTime / 1_000_000),
                "limit_ms": .stringConvertible(limit / 1_000_000),
            ]) { $1 })
    }

    func hangs(_ token: StreamToken, _ entry: ProducerEntry, _ function: String, for elapsed: Nanoseconds) {
        logger.error(
            "producer does not return despite SLUICE_NONBLOCKING; its loop continues without it, and its other streams run on threads",
            metadata: identity(token, entry).merging([
                "function": "\(function)", "for_ms": .stringConvertible(elapsed / 1_000_000),
            ]) { $1 })
    }

    func returned(_ token: StreamToken, _ entry: ProducerEntry, _ function: String, after elapsed: Nanoseconds) {
        logger.warning(
            "producer has returned after all; its stream continues on a thread of its own",
            metadata: identity(token, entry).merging([
                "function": "\(function)", "took_ms": .stringConvertible(elapsed / 1_000_000),
            ]) { $1 })
    }

    func endedThread(_ token: StreamToken, _ entry: ProducerEntry, _ function: String) {
        logger.error(
            "producer has ended a thread of the server (pthread_exit); another one replaces it",
            metadata: identity(token, entry).merging(["function": "\(function)"]) { $1 })
    }

    /// - Parameter call: the call that the loop is in, or was in when its thread was ended.
    func cannotTakeOver(_ call: CallMark.Call, _ entry: ProducerEntry?) {
        var metadata = entry.map { identity(call.stream, $0) } ?? ["stream": "\(call.stream)"]
        metadata["function"] = "\(call.function.name)"
        logger.error(
            "producer does not return, and no thread can be started for the other streams of its loop (ulimit -u?)",
            metadata: metadata)
    }

    /// - Parameter count: how many of this producer's streams have stayed so far.
    func kept(_ token: StreamToken, _ entry: ProducerEntry, _ text: String, count: Int) {
        logger.warning(
            "stream stays in its old generation: the new one does not continue it",
            metadata: identity(token, entry).merging(["answer": "\(text)", "streams_so_far": .stringConvertible(count)])
            { $1 })
    }

    /// - Parameter count: how many of this producer's streams have returned or stayed so far.
    func fellBack(_ token: StreamToken?, _ entry: ProducerEntry, to former: ProducerEntry, count: Int) {
        logger.warning(
            "stream returns to the previous generation: it failed immediately in the new one",
            metadata: identity(token, entry).merging([
                "to_generation": .stringConvertible(former.generation.number),
                "streams_so_far": .stringConvertible(count),
            ]) { $1 })
    }

    /// - Parameter count: how many of this producer's events were dropped like this so far.
    func superseded(_ token: StreamToken, _ entry: ProducerEntry, count: Int) {
        logger.warning(
            "events that were emitted while their stream moved were not sent: its new generation produces them again",
            metadata: identity(token, entry).merging(["events_so_far": .stringConvertible(count)]) { $1 })
    }

    func unanswered(_ token: StreamToken, _ entry: ProducerEntry, since: MonotonicNanoseconds) {
        logger.warning(
            "stream is waiting for its open, which has not answered",
            metadata: identity(token, entry).merging(["for_ms": .stringConvertible(since / 1_000_000)]) { $1 })
    }

    /// - Parameter function: the producer's function that is known to be running.
    func stuck(
        _ token: StreamToken, _ entry: ProducerEntry, _ function: String?, reason: CloseReason?,
        since: MonotonicNanoseconds
    ) {
        var metadata = identity(token, entry)
        if let function { metadata["function"] = "\(function)" }
        metadata["reason"] = "\(reason?.name ?? "unknown")"
        metadata["for_ms"] = .stringConvertible(since / 1_000_000)
        logger.warning(
            "stream should have ended but its producer still runs; its memory is kept", metadata: metadata)
    }

    func waits(_ token: StreamToken, _ function: StaticString) {
        logger.error(
            "host->\(function) is waiting for a call of interrupt or of a scheduled function that does not return; is it a deadlock?",
            metadata: ["stream": "\(token)"])
    }

    func writeDeadlinePassed(_ token: StreamToken, _ entry: ProducerEntry, isSlow: Bool, deadline: MonotonicNanoseconds)
    {
        logger.info(
            isSlow ? "subscriber reads too slowly" : "subscriber vanished",
            metadata: identity(token, entry).merging(["write_deadline_ms": .stringConvertible(deadline / 1_000_000)]) {
                $1
            })
    }

    func notAnnounced(_ token: StreamToken, _ entry: ProducerEntry) {
        logger.warning("subscriber reads too slowly to be sent the result of a build", metadata: identity(token, entry))
    }

    func hostileInput(_ token: StreamToken) {
        logger.warning("subscriber keeps sending after its request; disconnected", metadata: ["stream": "\(token)"])
    }

    func cannotWatch(_ token: StreamToken) {
        logger.error(
            "the system cannot watch another connection (fs.epoll.max_user_watches?); disconnected",
            metadata: ["stream": "\(token)"])
    }
}
