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

    @Test("a request opens an idle hub's stream, waits while it opens or closes, and behind the end finds another hub")
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

    @Test("it lingers from the last user's leave, ends that once, and not at all if somebody comes")
    func lingering() {
        var life = open
        #expect(life.hasLingered(at: .max - 1) == false)
        #expect(life.unused(lingeringUntil: 100) == .linger)
        #expect(!life.hasLingered(at: 99) && life.hasLingered(at: 100) && !life.hasLingered(at: 100))
        #expect(life.unused(lingeringUntil: 200) == .linger && life.requested() == .answer)
        #expect(life.hasLingered(at: 300) == false)
    }

    @Test("an unused hub without a stream is forgotten; one whose stream opens or closes is looked at again then")
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

    @Test("an id that the producer does not want is left out once; the next refusal is the answer, and forgets it")
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

    @Test("one that falls back ends as it would have if that does not open, and is as before if it does")
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

    @Test("the close of a stream is only the hub's if it closed for want of users")
    func closes() {
        var life = open
        #expect(!life.hasClosed() && life.phase == .open)
        life.closes()
        #expect(life.hasClosed() && life.phase == .idle && !life.hasClosed())
    }
}
