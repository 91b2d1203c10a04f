import EventStream
import ProducerInterface

extension FakeProducer {
    /// One step of a script.
    struct Step: Sendable {
        var times = 1
        /// Returns `nil` if an event was encoded; the next step then follows at once.
        let run: @Sendable (FakeStream, inout FrameBuffer) -> PullOutcome?

        static func event(_ data: String, wait: Int64? = nil) -> Step {
            Step { _, frames in
                try! EventEncoder().encode(Event(data: data), into: &frames)
                return wait.map { .wait(milliseconds: $0) }
            }
        }

        static func wait(_ milliseconds: Int64) -> Step {
            Step { _, _ in .wait(milliseconds: milliseconds) }
        }

        static let end = Step { _, _ in .ended }

        static func fail(_ message: String?) -> Step {
            Step { _, _ in .failed(StreamFailure(message: message, log: "broke rule 7")) }
        }

        /// Any other step: it runs the body, and the pull returns the result.
        static func act(_ body: @escaping @Sendable (FakeStream) -> PullOutcome?) -> Step {
            Step { stream, _ in body(stream) }
        }

        func repeated(_ times: Int = .max / 4) -> Step {
            var step = self
            step.times = times
            return step
        }
    }
}

/// The frame as sent.
func frame(_ data: String) -> String { "data: \(data)\n\n" }
let finished = "event: sluice-end\nid: sluice-end\ndata:\n\n"
