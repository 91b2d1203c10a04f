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

/// The end of a serving process: in order, or at once.
extension ServingProcess {
    /// What the end may take at most, one after the other, beside the deadline for streams; `--help` and the README
    /// tell the sum.
    enum Grace {
        /// After a signal, sockets may be stuck for so long; then those are dropped that take nothing for as long
        /// again.
        static let sockets: Nanoseconds = 1_000_000_000
        /// For what runs longer than the deadline, and for what plugins do at their end.
        static let plugins: Nanoseconds = 1_000_000_000
        /// For answers in flight.
        static let answers: Nanoseconds = 200_000_000
        /// For hanging up, after a second signal.
        static let urged: Nanoseconds = 50_000_000
        /// All of it, with what flushing may take, and rounded up for what takes some time itself.
        static let sumSeconds = 4
    }

    /// Ends every stream, gives what was produced until the deadline to be sent, and every producer until then to
    /// close.
    /// - Returns: 0; 1 if something was left behind.
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
                "streams": "\(runtime.figures().streams.open)",
                "shutdown_deadline_ms": "\(settings.shutdownDeadline.nanoseconds / 1_000_000)",
                "at_most_ms": "\(settings.shutdownDeadline.nanoseconds / 1_000_000 + Int64(Grace.sumSeconds) * 1000)",
            ])
        await door.stopAccepting()
        runtime.end(nil, .shutdown)
        waitForStreams(since: begun, until: deadline)
        let generations = reloader.generations
        runtime.dropConnections()
        let last = monotonicNanoseconds() + Grace.plugins
        // First, so that one stream that does not end takes nothing from the others' time.
        let unfinished = reloader.retireAll(deadline: last) + RunningLoads.waitForEnd(until: last)
        _ = runtime.waitUntilIdle(deadline: last)
        HostLog.tellLeftOut()
        ledger.write(generations)
        await door.stop(within: .nanoseconds(Grace.answers))
        let left = runtime.figures().streams.open
        if left > 0 || !unfinished.isEmpty {
            logger.error(
                "stopped, although some streams or plugins did not end",
                metadata: ["streams": "\(left)", "plugins": "\(unfinished.joined(separator: ", "))"])
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

    /// A second signal ends the process, whatever its other threads are busy with: hangs up, says what there is to say,
    /// and is gone.
    /// - Returns: `false` if no thread can be started.
    func endAtOnceIfUrged(_ socket: ControlSocket?) -> Bool {
        events.whenUrged { [runtime, reloader, ledger, logger, writer, development] in
            logger.warning("told to stop a second time: stopping at once")
            runtime.dropConnections()
            _ = runtime.waitUntilIdle(deadline: monotonicNanoseconds() + Grace.urged)
            ledger.write()
            let plugins = (reloader.unfinished + RunningLoads.files).joined(separator: ", ")
            logger.error(
                "stopped at once",
                metadata: ["streams": "\(runtime.figures().streams.open)", "plugins": "\(plugins)"])
            socket?.shut()
            development?.discard()
            writer.finish()
            _exit(1)
        }
    }
}
