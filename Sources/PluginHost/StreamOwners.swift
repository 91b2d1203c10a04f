import Glibc
import ProducerInterface
import Synchronization

/// Which producer a stream belonged to that is over: for log lines about handles that are used too late.
///
/// There are two words for each slot of a loop, one for its stream and one for the stream before. So they only cost
/// memory for slots that are used, and keep no generation. For an older handle, the producer is not known.
enum StreamOwners {
    /// Beyond this number, the slots of all loops share entries with others, and evict each other.
    private static let slotCount = 1 << slotBits
    private static let slotBits = 19
    private static let numberBits: UInt64 = 20

    /// 2^64 divided by the golden ratio (Fibonacci hashing).
    private static let mixer: UInt64 = 0x9e37_79b9_7f4a_7c15

    private struct Slot: ~Copyable {
        let last: Atomic<UInt64>
        let previous: Atomic<UInt64>
    }

    /// Pages that were never touched are zero, and take no memory; `nil` if there is no address space for them.
    private nonisolated(unsafe) static let slots: UnsafeMutablePointer<Slot>? = {
        let bytes = slotCount * MemoryLayout<Slot>.stride
        let memory = mmap(
            nil, bytes, PROT_READ | PROT_WRITE, Int32(MAP_PRIVATE) | Int32(MAP_ANONYMOUS) | Int32(MAP_NORESERVE), -1, 0)
        guard let memory, memory != MAP_FAILED else { return nil }
        return memory.bindMemory(to: Slot.self, capacity: slotCount)
    }()

    /// - Parameter number: the producer's number; it is not remembered if it does not fit into its bits.
    static func remember(_ stream: StreamToken, number: Int) {
        guard let slot = slot(of: stream), number + 1 < 1 << numberBits else { return }
        // No other thread opens a stream on the same slot meanwhile.
        slot.pointee.previous.store(slot.pointee.last.load(ordering: .relaxed), ordering: .relaxed)
        slot.pointee.last.store(tag(of: stream) | UInt64(number + 1), ordering: .relaxed)
    }

    /// The number of the stream's producer, if it is known.
    static func number(of stream: StreamToken) -> Int? {
        guard let slot = slot(of: stream) else { return nil }
        let tag = tag(of: stream)
        let mask = UInt64(1) << numberBits - 1
        for word in [slot.pointee.last.load(ordering: .relaxed), slot.pointee.previous.load(ordering: .relaxed)]
        where word & ~mask == tag && word & mask > 0 {
            return Int(word & mask) - 1
        }
        return nil
    }

    /// The entries of one loop are adjacent, so that no more pages are touched than are needed; those of different
    /// loops are apart, however many loops there are.
    private static func slot(of stream: StreamToken) -> UnsafeMutablePointer<Slot>? {
        let first = UInt64(stream.loop) &* mixer >> (64 - slotBits)
        return slots.map { $0 + (Int(first) &+ Int(stream.slot)) & (slotCount - 1) }
    }

    /// Distinguishes streams of one slot, and of slots that share an entry: the upper bits of their tokens, mixed.
    private static func tag(of stream: StreamToken) -> UInt64 {
        stream.raw &* mixer & ~(UInt64(1) << numberBits - 1)
    }
}
