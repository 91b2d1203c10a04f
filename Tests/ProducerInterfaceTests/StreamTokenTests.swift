import ProducerInterface
import Testing

@Suite("Stream token")
struct StreamTokenTests {
    @Test(
        "its three parts can be read back from the raw value",
        arguments: [(0, 0, 1), (1, 2, 3), (255, 0xFF_FFFF, .max), (7, 0xFF_FFFF, 1)] as [(Int, UInt32, UInt32)])
    func parts(loop: Int, slot: UInt32, epoch: UInt32) throws {
        let token = StreamToken(loop: loop, slot: slot, epoch: epoch)
        #expect(token.loop == loop)
        #expect(token.slot == slot)
        #expect(token.epoch == epoch)
        #expect(try #require(StreamToken(raw: token.raw)) == token)
    }

    @Test("a slot's next stream has a different token")
    func epochs() {
        let tokens = (1...100).map { StreamToken(loop: 0, slot: 5, epoch: $0) }
        #expect(Set(tokens).count == 100)
    }

    @Test("zero is not a stream")
    func zero() {
        #expect(StreamToken(raw: 0) == nil)
    }

    @Test("a log line shows it in hexadecimal")
    func description() {
        #expect(StreamToken(loop: 2, slot: 0x1A, epoch: 0x30).description == "300200001a")
    }
}
