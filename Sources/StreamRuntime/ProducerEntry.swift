package import EventStream
import Synchronization

/// One producer of one generation as the runtime keeps it: who it is, and the ledger of its streams.
package final class ProducerEntry: Sendable {
    package let producer: any EventProducer
    package let description: ProducerDescription
    package let generation: Int

    package init(producer: any EventProducer, generation: Int) {
        self.producer = producer
        description = producer.description
        self.generation = generation
    }
}
