import Logging
import ProducerInterface
import StreamLoop
import Synchronization

/// One reload: what it finds, what becomes of it, and when that takes effect.
extension Reloader {
    private struct Candidate {
        let path: String
        let content: String
        let surroundings: String
    }

    private struct Round {
        /// All files that there are.
        let paths: [String]
        let isForced: Bool
        var candidates: [Candidate] = []
        /// Loaded, and not admitted yet.
        var waiting: [LoadedImage] = []
        var report = Report()
    }

    /// Brings what is served in step with the directory. Blocks while images load.
    ///
    /// Candidates that answer together are decided together, so that two may swap their routes. One that hangs holds up only those that
    /// want what another file still has.
    /// - Parameters:
    ///   - isForced: what was refused or taken back before is tried again, and what comes now is not on trial.
    ///   - meanwhile: is called now and then, and may call `endRetired`.
    /// - Throws: what is wrong with the directory, or that the server stops; then nothing (more) changes.
    package func reload(isForced: Bool = false, meanwhile: () -> Void = {}) throws -> Report {
        var round = Round(paths: try source.scan(), isForced: isForced)
        if isForced { state.withLock { $0.refused = [:] } }
        examine(&round)
        let rest = source.load(round.candidates.map(\.path), meanwhile: meanwhile) { outcomes in
            take(outcomes, of: &round)
            admit(&round, isLast: false)
        }
        take(rest, of: &round)
        guard !source.isAbandoned else {
            round.waiting.forEach(discard)
            throw Abandoned()
        }
        admit(&round, isLast: true)
        return round.report
    }

    /// Finds the candidates among the files, and settles what needs none of their code.
    private func examine(_ round: inout Round) {
        var serving = state.withLock(\.serving)
        var changed: [(path: String, content: String)] = []
        // What may have got another name.
        var left = serving
        for path in round.paths {
            do {
                let content = try source.content(of: path)
                if serving[path]?.image.content == content {
                    left[path] = nil
                    round.report.unchanged += 1
                } else {
                    changed.append((path, content))
                }
            } catch {
                left[path] = nil
                refuse("\(error)", keeping: serving[path], &round.report)
            }
        }
        var moved: [String: Serving] = [:]
        changed.removeAll { path, content in
            guard let former = left.first(where: { $0.value.image.content == content })?.key else { return false }
            moved[path] = left.removeValue(forKey: former)?.moved(to: path)
            serving[former] = nil
            round.report.renamed.append(path)
            logger.info("plugin renamed", metadata: ["file": "\(path)", "formerly": "\(former)"])
            return true
        }
        if !moved.isEmpty {
            serving.merge(moved) { $1 }
            switchOver(to: serving)
        }
        let paths = Set(round.paths)
        state.withLock { $0.refused = $0.refused.filter { path, _ in paths.contains(path) } }
        for (path, content) in changed {
            let candidate = Candidate(path: path, content: content, surroundings: source.surroundings(of: path))
            if let text = refusal(of: candidate) {
                refuse(text, keeping: serving[path], &round.report)
            } else {
                round.candidates.append(candidate)
            }
        }
        // New versions of what serves come first: a newcomer never takes a name or a route from them.
        round.candidates.sort {
            (serving[$0.path] == nil) != (serving[$1.path] == nil) ? serving[$0.path] != nil : $0.path < $1.path
        }
    }

    /// Why a candidate is not worth another try.
    private func refusal(of candidate: Candidate) -> String? {
        guard let refused = state.withLock({ $0.refused[candidate.path] }), refused.content == candidate.content else {
            return nil
        }
        guard let surroundings = refused.surroundings else {
            return refused.text + " (not tried again until the file changes)"
        }
        guard surroundings == candidate.surroundings else { return nil }
        return refused.text
            + " (not tried again until the file, a library that it needs, or the configuration changes; touch the file to have it tried)"
    }

    /// Notes what became of candidates.
    private func take(_ outcomes: [ImageSource.Outcome], of round: inout Round) {
        let results = Dictionary(outcomes.map { ($0.path, $0.result) }) { first, _ in first }
        for candidate in round.candidates {
            switch results[candidate.path] {
            case nil: break
            case .success(let image): round.waiting.append(image)
            case .failure(let error):
                remember(error, of: candidate)
                let current = state.withLock { $0.serving[candidate.path] }
                refuse("\(error)", keeping: current, &round.report)
            }
        }
    }

    private func remember(_ error: any Error, of candidate: Candidate) {
        let cause = source.cause(of: error)
        guard cause != .moment else { return }
        let refused = Refused(
            content: candidate.content, surroundings: cause == .content ? nil : candidate.surroundings, text: "\(error)"
        )
        state.withLock { $0.refused[candidate.path] = refused }
    }

    /// Has images serve from now on that get along with each other and with what serves.
    /// - Parameter isLast: others are refused, and what is gone is retired; otherwise they wait for what others may give up.
    private func admit(_ round: inout Round, isLast: Bool) {
        let before = state.withLock(\.serving)
        let present = Set(round.paths)
        // In the order of the candidates, whenever each was ready.
        let waiting = Dictionary(uniqueKeysWithValues: round.waiting.map { ($0.path, $0) })
        var images = round.candidates.compactMap { waiting[$0.path] }
        round.waiting = []
        var serving = isLast ? before.filter { present.contains($0.key) } : before
        for image in images { serving[image.path] = nil }
        // All of them together. Who is refused keeps what it had, which may be in the way of another.
        while let (index, conflict) = firstConflict(of: images, beside: serving) {
            let image = images.remove(at: index)
            serving[image.path] = before[image.path]
            if isLast {
                discard(image)
                refuse(conflict, keeping: before[image.path], &round.report)
            } else {
                round.waiting.append(image)
            }
        }
        guard isLast || !images.isEmpty else { return }
        images.sort { $0.path < $1.path }
        for image in images {
            serving[image.path] = admit(
                image, replacing: before.values.first { $0.image.plugin == image.plugin }, isForced: round.isForced)
            if before[image.path] == nil {
                round.report.loaded.append(image.plugin)
            } else {
                round.report.replaced.append(image.plugin)
            }
        }
        switchOver(to: serving)
        for image in images { logLoaded(serving[image.path]!) }
        for (path, previous) in before.sorted(by: { $0.key < $1.key })
        where serving[path]?.generation !== previous.generation {
            if !present.contains(path) { round.report.removed.append(previous.image.plugin) }
            // A new version may have come under another name.
            let isReplaced = serving.values.contains { $0.image.plugin == previous.image.plugin }
            retire(previous, isReplaced || present.contains(path) ? .reloaded : .removed)
        }
    }

    /// The first candidate that does not get along with what serves, or with one before it.
    private func firstConflict(of images: [LoadedImage], beside serving: [String: Serving]) -> (Int, String)? {
        let others = serving.values.map(\.image)
        for (index, image) in images.enumerated() {
            let peers = (others + images[..<index]).sorted { $0.path < $1.path }
            if let conflict = source.conflict(of: image, with: peers) { return (index, conflict) }
        }
        return nil
    }

    /// An image that will never serve.
    private func discard(_ image: LoadedImage) {
        live.shutDown(live.begin("\(image.plugin) (\(image.path), never served)"), image.shutdown)
    }
}
