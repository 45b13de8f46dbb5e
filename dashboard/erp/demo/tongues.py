"""Owns the parts of product names in German and Japanese, in the order of the English ones."""

GERMAN_KINDS = """Adapter Lager Schraube Halterung Buchse Kabel Kondensator Klemme Stecker Kupplung Deckel
Flansch Sicherung Dichtung Zahnrad Tülle Scharnier Schlauch Gehäuse Einsatz Hebel Motor Mutter Platte Stift
Blech Pumpe Relais Widerstand Ring Stange Abdichtung Sensor Welle Hülse Abstandshalter Feder Schalter Rohr
Ventil Scheibe"""
JAPANESE_KINDS = """アダプター 軸受 ボルト ブラケット ブッシュ ケーブル コンデンサー クランプ
コネクター 継手 カバー フランジ ヒューズ ガスケット 歯車 グロメット ヒンジ ホース
ハウジング インサート レバー モーター ナット パネル ピン プレート ポンプ リレー
抵抗器 リング ロッド シール センサー シャフト スリーブ スペーサー ばね スイッチ
チューブ バルブ ワッシャー"""
GERMAN_FINISHES = """eloxiert brüniert Messing Keramik verchromt verzinkt gehärtet vernickelt Nylon poliert
rostfrei Titan Zink"""
JAPANESE_FINISHES = """アルマイト 黒染め 真鍮 セラミック クロム 亜鉛めっき 焼入れ ニッケルめっき ナイロン
研磨 ステンレス チタン 亜鉛"""
KINDS = {"de": GERMAN_KINDS.split(), "ja": JAPANESE_KINDS.split()}
FINISHES = {"de": GERMAN_FINISHES.split(), "ja": JAPANESE_FINISHES.split()}
LANGUAGES = ("en", "de", "ja")
