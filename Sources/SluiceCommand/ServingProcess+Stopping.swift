import Authoring
import Control
import EventStream
import FrontDoor
import Glibc
import Logging
import PluginDirectory
import PluginHost
import ProducerInterface
import Settings
import StreamLoop
import StreamRuntime
import SystemCalls

/// The end of a serving process, in order or at once.
extension ServingProcess {
    /// The maximum times of the phases of stopping, which follow the deadline for streams. `--help` and the README give
    /// the sum.
    enum Grace {
        /// How long sockets may be stuck after a signal. Then those that accept no data for the same time again are
        /// dropped.
        static let sockets: Nanoseconds = 1_000_000_000
        /// For streams that miss the deadline, and for the plugins' shutdown.
        static let plugins: Nanoseconds = 1_000_000_000
        /// For responses that are being sent.
        static let answers: Nanoseconds = 200_000_000
        /// For closing the connections, after a second signal.
        static let urged: Nanoseconds = 50_000_000
        /// The sum, including the time for flushing, rounded up for the time that the phases themselves take.
        static let sumSeconds = 4
    }

    /// Ends every stream. Until the deadline, events already produced are sent, and producers can close.
    /// - Returns: 0, or 1 if a stream or a plugin has not ended.
    mutating func stop() async -> Int32 {
        notice.stopping()
        control?.stop()
        development?.stop()
        if events.take([.reload]).isEmpty { desk.refuse("the server is stopping") } else { refuseReload() }
        let begun = monotonicNanoseconds()
        let deadline = begun + settings.shutdownDeadline.nanoseconds
        logger.info(
            "stopping",
            metadata: [
                "streams": .stringConvertible(runtime.figures().streams.open),
                "shutdown_deadline_ms": .stringConvertible(settings.shutdownDeadline.nanoseconds / 1_000_000),
                "at_most_ms": .stringConvertible(
                    settings.shutdownDeadline.nanoseconds / 1_000_000 + Int64(Grace.sumSeconds) * 1000),
            ])
        await door.stopAccepting()
        runtime.end(nil, .shutdown)
        waitForStreams(since: begun, until: deadline)
        let generations = reloader.generations
        runtime.dropConnections()
        let last = monotonicNanoseconds() + Grace.plugins
        // First, so that a stream that does not end does not use up the others' time.
        let unfinished = reloader.retireAll(deadline: last) + RunningLoads.waitForEnd(until: last)
        _ = runtime.waitUntilIdle(deadline: last)
        HostLog.tellLeftOut()
        ledger.write(generations)
        await door.stop(within: .nanoseconds(Grace.answers))
        await admin?.stop()
        let left = runtime.figures().streams.open
        if left > 0 || !unfinished.isEmpty {
            logger.error(
                "stopped, although some streams or plugins did not end",
                metadata: ["streams": .stringConvertible(left), "plugins": "\(unfinished.joined(separator: ", "))"])
            return 1
        }
        logger.info("stopped")
        return 0
    }

    private mutating func waitForStreams(since begun: MonotonicNanoseconds, until deadline: MonotonicNanoseconds) {
        _ = startThread(named: "sluice-drain", stackBytes: 512 * 1024) { [runtime, events] in
            _ = runtime.waitUntilIdle(deadline: deadline)
            events.post(.drained)
        }
        var patience = begun + Grace.sockets
        while monotonicNanoseconds() < deadline {
            for event in events.next(until: min(patience, deadline, round.due), now: monotonicNanoseconds) {
                switch event {
                case .drained: return
                case .reload: refuseReload()
                case .ledger: ledger.write()
                case .terminate, .settled: break
                }
            }
            round.makeIfDue()
            if monotonicNanoseconds() >= patience {
                patience = .max
                var limits = settings.limits
                limits.writeDeadline = min(limits.writeDeadline, Grace.sockets)
                runtime.replaceLimits(limits)
            }
        }
    }

    private func refuseReload() {
        logger.warning("not reloading: the server is stopping")
        desk.refuse("the server is stopping")
    }

    /// At a second signal, ends the process whatever its other threads are doing: it closes the connections, writes the
    /// log and exits.
    /// - Returns: `false` if no thread can be started.
    func endAtOnceIfUrged(_ socket: ControlSocket?) -> Bool {
        events.whenUrged { [runtime, reloader, ledger, logger, writer, development, door, admin] in
            logger.warning("told to stop a second time: stopping at once")
            runtime.dropConnections()
            _ = runtime.waitUntilIdle(deadline: monotonicNanoseconds() + Grace.urged)
            ledger.write()
            let plugins = (reloader.unfinished + RunningLoads.files).joined(separator: ", ")
            logger.error(
                "stopped at once",
                metadata: ["streams": .stringConvertible(runtime.figures().streams.open), "plugins": "\(plugins)"])
            socket?.shut()
            door.removeFiles()
            admin?.removeFiles()
            development?.discard()
            writer.finish()
            _exit(1)
        }
    }
}
