/** What stands on the card beside a defect. Lists and tests read it; no scenario and no check does. */
export interface GalleryLabel {
  /** Rule of the finding that shows the defect. */
  readonly expects: string;
  /** What is wrong, for people who have seen the finding; names the rule of the catalogue that it breaks. */
  readonly defectText: string;
  /** Why a random walk finds it in twenty schedules or fewer; absent where it does not. */
  readonly easyBecause?: string;
}

/** Labels by the name of the defect. */
export type GalleryLabels = Readonly<Record<string, GalleryLabel>>;
