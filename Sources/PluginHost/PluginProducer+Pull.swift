import CCalls
import CSluice
package import EventStream
package import ProducerInterface
import SystemCalls

/// The path of every event: `next`, and its fields straight into the frames. Nothing here allocates (except for a
/// buffer that has to grow), locks, or counts references.
extension PluginProducer {
    /// How long a `pull` may continue to call a `next` that always has an event, before others on the loop get their
    /// turn.
    static let pullNanosecondsMax: Int64 = 1_000_000
    /// The clock is read after 1, 2, 4, … events, and later each time after this many.
    static let clockEventsMax = 32

    package func pull(
        _ stream: StreamToken, state: ProducerState, into frames: inout FrameBuffer, events: Int, bytes: Int
    ) -> PullOutcome {
        // All of it is one call, because the address of data that a producer lends may be invalid.
        callee.call(.next, of: stream) {
            pullEvents(stream, state: state, into: &frames, events: events, bytes: bytes)
        }
    }

    @inline(__always)
    private func pullEvents(
        _ stream: StreamToken, state: ProducerState, into frames: inout FrameBuffer, events: Int, bytes: Int
    ) -> PullOutcome {
        guard let next = functions.next else { return .wait(milliseconds: -1) }
        let (encoder, pointer) = (encoder, state.pointer)
        let end = events > 1 ? monotonicNanoseconds() + Self.pullNanosecondsMax : .max
        var clockEvents = 1
        var count = 0
        var event = sluice_event()
        repeat {
            event = .reset
            let answer = next(pointer, &event)
            let wait = event.wait_ms
            if sluice_take_emit() { takeEmitted(stream, into: &frames) }
            guard wait >= -1 else { return broken("next set wait_ms to \(wait), which is below -1") }

            if answer != NextAnswer.event {
                return self.answer(answer, wait: wait, stream)
            }
            do throws(EventFault) {
                try encoder.encode(event, into: &frames)
            } catch {
                return broken("next returned an event in which \(error)")
            }
            if wait > 0 { return .wait(milliseconds: wait) }

            count &+= 1
            if count == clockEvents && count < events {
                if monotonicNanoseconds() >= end { return .more }
                clockEvents &+= min(clockEvents, Self.clockEventsMax)
            }
        } while count < events && frames.count < bytes
        return .more
    }

    @inline(never)
    private func takeEmitted(_ stream: StreamToken, into frames: inout FrameBuffer) {
        ConnectedRuntime.ask { $0.takeEmitted(stream, into: &frames) }
    }

    /// Handles an answer of `next` that is not an event.
    @inline(never)
    private func answer(_ answer: Int32, wait: Int64, _ stream: StreamToken) -> PullOutcome {
        switch answer {
        case NextAnswer.wait:
            return .wait(milliseconds: wait)
        case NextAnswer.end:
            return .ended
        case NextAnswer.error:
            let message = StreamMaps.failure.remove(stream)
            return .failed(
                StreamFailure(message: message, log: message ?? "next answered SLUICE_NEXT_ERROR without a reason"))
        default:
            return broken("next answered \(answer), which is not one of SLUICE_NEXT_…")
        }
    }

    @inline(never)
    private func broken(_ rule: String) -> PullOutcome {
        .failed(StreamFailure(message: nil, log: "the contract of sluice.h was broken: \(rule)"))
    }
}

/// The constants of `next`, as the type that it returns.
enum NextAnswer {
    static var event: Int32 { Int32(SLUICE_NEXT_EVENT) }
    static var wait: Int32 { Int32(SLUICE_NEXT_WAIT) }
    static var end: Int32 { Int32(SLUICE_NEXT_END) }
    static var error: Int32 { Int32(SLUICE_NEXT_ERROR) }
}
