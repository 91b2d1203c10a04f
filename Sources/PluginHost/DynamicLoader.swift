import ProducerInterface
import Synchronization

/// Which files are inside the dynamic loader. It has one lock for the whole process, and holds it while the
/// constructors of an image run (dlopen(3)): if they never return, no other image can be loaded any more.
package enum DynamicLoader {
    private struct State {
        var inside: [(place: Int, file: String)] = []
        var last = 0
        var isStuck = false
    }

    private static let state = Mutex(State())

    /// - Throws: if no other file can get in any more.
    static func enter(_ file: String) throws(Defect) -> Int {
        let (place, holder) = state.withLock { state -> (Int, String?) in
            if state.isStuck, let holder = state.inside.first { return (0, holder.file) }
            state.last += 1
            state.inside.append((state.last, file))
            return (state.last, nil)
        }
        guard let holder else { return place }
        throw Self.defect(heldUpBy: holder)
    }

    private static func defect(heldUpBy holder: String) -> Defect {
        Defect(
            "the constructors of \(holder) do not return, and nothing can be loaded until they do",
            remedy: "remove that file, and restart the server", cause: .moment)
    }

    /// The refusal of a file that cannot be loaded because the constructors of another one run.
    package static func refusal(of file: String, heldUpBy holder: String) -> PluginRefusal {
        defect(heldUpBy: holder).refusal(of: file, at: .load)
    }

    static func leave(_ place: Int) {
        state.withLock { state in
            if state.inside.first?.place == place { state.isStuck = false }
            state.inside.removeAll { $0.place == place }
        }
    }

    /// Nothing waits any longer for the files that are inside.
    /// - Returns: the file whose constructors run: it entered first.
    package static func giveUp() -> String? {
        state.withLock { state in
            state.isStuck = !state.inside.isEmpty
            return state.inside.first?.file
        }
    }
}
