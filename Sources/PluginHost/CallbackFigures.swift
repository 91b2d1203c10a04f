import ForeignFunction
package import ProducerInterface

/// What there is to tell about the C functions that were made for plugins.
package enum CallbackFigures {
    /// Functions whose stream is open; those whose stream is over; the bytes of both.
    package static var functions: (live: Int, tombstones: Int, bytes: Int) {
        let figures = ClosureBudget.shared.figures
        return (figures.live, figures.tombstones, figures.bytes)
    }

    /// Of a producer, all generations and streams: calls that came after the close, and events for which a queue had no room.
    package static func calls(of producer: any EventProducer) -> (late: Int, dropped: Int) {
        guard let callbacks = (producer as? PluginProducer)?.callbacks else { return (0, 0) }
        return (callbacks.lateCalls, callbacks.droppedEvents)
    }
}
