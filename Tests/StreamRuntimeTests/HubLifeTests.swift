import ProducerInterface
import Testing

@testable import StreamRuntime

@Suite("The life of a hub")
struct HubLifeTests {
    private func hub(_ steps: (inout HubLife) -> Void) -> HubLife {
        var life = HubLife()
        steps(&life)
        return life
    }

    private var open: HubLife {
        hub {
            $0.opens()
            _ = $0.hasOpened()
        }
    }

    @Test("a request opens an idle hub's stream, waits while it opens or closes, and after its end finds another hub")
    func requests() {
        var life = HubLife()
        #expect(life.requested() == .open)
        life.opens()
        #expect(life.requested() == .wait)
        #expect(life.hasOpened() == false)
        #expect(life.requested() == .answer)
        life.closes()
        #expect(life.requested() == .wait)
        #expect(life.hasClosed() && life.requested() == .open)
        life.end()
        #expect(life.requested() == .refuse)
    }

    @Test("it lingers after the last user leaves, ends that once, and not at all if somebody joins")
    func lingering() {
        var life = open
        #expect(life.hasLingered(at: .max - 1) == false)
        #expect(life.unused(lingeringUntil: 100) == .linger)
        #expect(!life.hasLingered(at: 99) && life.hasLingered(at: 100) && !life.hasLingered(at: 100))
        #expect(life.unused(lingeringUntil: 200) == .linger && life.requested() == .answer)
        #expect(life.hasLingered(at: 300) == false)
    }

    @Test("an unused hub without a stream is removed; one whose stream opens or closes is checked again then")
    func unused() {
        var life = HubLife()
        #expect(life.unused(lingeringUntil: 1) == .forget)
        life.opens()
        #expect(life.unused(lingeringUntil: 1) == .nothing)
        _ = life.hasOpened()
        life.closes()
        #expect(life.unused(lingeringUntil: 1) == .nothing)
        life.end()
        #expect(life.unused(lingeringUntil: 1) == .forget)
    }

    @Test("an id that the producer rejects is left out once; the next rejection is the answer, and the id is forgotten")
    func refusedID() {
        var life = HubLife()
        life.opens()
        #expect(life.refused(canFallBack: false, isIDInDoubt: true) == .openWithoutID && life.isIDRefused)
        life.opens()
        #expect(life.refused(canFallBack: false, isIDInDoubt: true) == .answer && !life.isIDRefused)
        life.opens()
        _ = life.refused(canFallBack: false, isIDInDoubt: true)
        life.opens()
        #expect(!life.hasOpened() && !life.isIDRefused)
    }

    @Test("one that falls back ends as before if that does not open, and is unchanged if it does")
    func fallingBack() {
        var life = open
        life.fallsBack(orEnds: .failed("sluice-1"))
        life.opens()
        #expect(life.refused(canFallBack: true, isIDInDoubt: true) == .end(.failed("sluice-1")))
        #expect(life.endingInstead == nil)
        var other = open
        other.fallsBack(orEnds: .completed)
        other.opens()
        #expect(other.hasOpened() && other.endingInstead == nil && other.phase == .open)
        var unopened = hub { $0.opens() }
        #expect(unopened.refused(canFallBack: true, isIDInDoubt: false) == .fallBack)
    }

    @Test("the close of a stream is the hub's own decision only if it has no users")
    func closes() {
        var life = open
        #expect(!life.hasClosed() && life.phase == .open)
        life.closes()
        #expect(life.hasClosed() && life.phase == .idle && !life.hasClosed())
    }
}
